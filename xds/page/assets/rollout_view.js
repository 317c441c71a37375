// One canary: what it is at, what its versions do, and how it came to this.

import { h } from './dom.js';
import { idOf, isMoving, serviceOf } from './state.js';
import { clock, milliseconds, number, percent, perSecond, span } from './format.js';
import { icon, phaseBadge, table, value, weightBar } from './parts.js';
import { chartsView } from './charts_view.js';
import { timelineView } from './timeline_view.js';

export function rolloutView(state, rollout) {
  const id = idOf(rollout);
  return h('article', { class: 'card rollout', 'data-key': `rollout ${id}`, 'aria-labelledby': 'rollout-name' },
    h('header', null,
      h('h3', { id: 'rollout-name' }, rollout.name, h('span', { class: 'namespace' }, ` in ${rollout.namespace}`)),
      phaseBadge(rollout),
      actions(state, rollout)),
    rollout.message && h('p', { class: 'message' }, rollout.message),
    failureOf(state, id),
    weights(rollout),
    facts(state, rollout),
    h('h4', null, 'Versions'),
    versions(state, rollout),
    h('h4', null, 'Traffic'),
    chartsView(state, rollout),
    h('h4', null, 'Timeline'),
    timelineView(state, rollout));
}

function actions(state, rollout) {
  const id = idOf(rollout);
  const moving = isMoving(rollout);
  const usable = state.connection === 'live' && !state.pending.has(id);
  const button = (action, symbol, word, possible) =>
    h('button', {
      'data-key': `${action} ${id}`, 'data-action': action, 'data-id': id, class: action,
      'aria-disabled': possible && usable ? null : 'true',
    }, icon(symbol), word);
  return h('div', { class: 'actions', role: 'group', 'aria-label': `Actions on ${rollout.name}` },
    rollout.paused ? button('resume', 'play', 'Resume', true) : button('pause', 'pause', 'Pause', moving),
    button('promote', 'up', 'Promote', moving),
    button('abort', 'back', 'Abort', moving));
}

function failureOf(state, id) {
  const failure = state.failures.get(id);
  return failure && h('p', { class: 'notice bad', role: 'alert' }, icon('cross'), failure);
}

function nameOf(side, version) { return version?.version ? `${version.version} (${side})` : side; }

function weights(rollout) {
  const primary = rollout.primaryWeight ?? 100;
  const canary = rollout.canaryWeight ?? 0;
  return h('div', { class: 'split' },
    h('p', null,
      h('span', { class: 'primary' }, h('strong', null, percent(primary, 0)), ` ${nameOf('primary', rollout.primary)}`),
      h('span', { class: 'canary' }, h('strong', null, percent(canary, 0)), ` ${nameOf('canary', rollout.canary)}`)),
    weightBar(primary, canary));
}

function facts(state, rollout) {
  const fact = (term, ...description) => h('div', null, h('dt', null, term), h('dd', null, description));
  const failed = rollout.failedChecks ?? 0;
  const next = isMoving(rollout) && !rollout.paused && rollout.nextTick ? Date.parse(rollout.nextTick) - state.now() : NaN;
  return h('dl', { class: 'facts' },
    (isMoving(rollout) || failed > 0) && fact('Failed checks',
      rollout.threshold ? `${failed} of ${rollout.threshold}` : String(failed),
      rollout.threshold && failed ? marks(failed, rollout.threshold) : null),
    rollout.iterations
      ? fact('Iteration', `${rollout.iteration ?? 0} of ${rollout.iterations}`)
      : fact('Canary\u2019s weight', `${number(rollout.canaryWeight ?? 0)} of ${number(rollout.maxWeight ?? 100)}\u2009%`),
    rollout.mirror && fact('Mirror', `${rollout.canary?.version || 'the canary'} gets copies`),
    rollout.strategy && fact('Strategy', rollout.strategy),
    rollout.intervalSeconds && fact('Checked every', span(rollout.intervalSeconds * 1000)),
    Number.isNaN(next) ? null : fact('Next check', next > 0 ? `in ${span(next)}` : 'now'),
    rollout.lastTransitionTime && fact('Last change', clock(rollout.lastTransitionTime)));
}

// Failed checks out of the threshold as little boxes; the words beside them say the same.
function marks(failed, threshold) {
  const shown = Math.min(threshold, 12);
  return h('span', { class: 'marks', 'aria-hidden': 'true' },
    Array.from({ length: shown }, (_, i) => h('i', { class: i < failed ? 'used' : null })));
}

function versions(state, rollout) {
  const row = (side, version, weight) => {
    const live = state.liveVersion(rollout.namespace, serviceOf(rollout), version?.version);
    return {
      key: side,
      cells: [
        [h('span', { class: `swatch ${side}`, 'aria-hidden': 'true' }), version?.version || value('\u2013', 'none yet'),
          h('span', { class: 'role' }, ` ${side}`)],
        percent(weight, 0),
        value(perSecond(live?.requestsPerSecond)),
        value(percent(live?.successRate)),
        value(milliseconds(live?.p50Ms)),
        value(milliseconds(live?.p99Ms)),
      ],
    };
  };
  const same = rollout.primary?.version && rollout.primary?.version === rollout.canary?.version;
  return table(`Versions of ${rollout.name}, live`, liveColumns('Version'), [
    row('primary', rollout.primary, rollout.primaryWeight ?? 100),
    !same && row('canary', rollout.canary, rollout.canaryWeight ?? 0),
  ].filter(Boolean), { class: 'live' });
}

export function liveColumns(first) {
  return [{ title: first }, { title: 'Weight', numeric: true }, { title: 'Requests', numeric: true },
    { title: 'Success', numeric: true }, { title: 'p50', numeric: true }, { title: 'p99', numeric: true }];
}
