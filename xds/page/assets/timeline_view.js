// Every step of a rollout, newest first: what was checked against what, what was decided, and why.

import { h } from './dom.js';
import { idOf } from './state.js';
import { clock, milliseconds, number, percent } from './format.js';
import { icon, table, value } from './parts.js';

const SHOWN = 20;
const DECISIONS = {
  start: ['flag', 'Started', 'moving'], advance: ['up', 'Advanced', 'good'], hold: ['hold', 'Held', 'warn'],
  rollback: ['back', 'Rolled back', 'bad'], promote: ['up', 'Promoted', 'good'], finish: ['check', 'Finished', 'good'],
  pause: ['pause', 'Paused', 'warn'], resume: ['play', 'Resumed', 'moving'], abort: ['back', 'Aborted', 'bad'],
  wait: ['wait', 'Waited', 'quiet'], restart: ['flag', 'Restarted', 'moving'],
  initialize: ['flag', 'Initialized', 'quiet'], mirror: ['play', 'Mirrored', 'moving'],
};
const OUTCOMES = { pass: ['check', 'passed', 'good'], fail: ['cross', 'failed', 'bad'],
  inconclusive: ['question', 'inconclusive', 'warn'], error: ['cross', 'error', 'bad'] };

export function timelineView(state, rollout) {
  const known = rollout.timeline ?? [];
  const earlier = state.earlier(rollout);
  const entries = [...earlier, ...known].map((entry, index) => ({ ...entry, key: `${entry.time} ${entry.decision} ${entry.weight}`, index })).reverse();
  if (!entries.length) return h('p', { class: 'empty' }, 'Nothing has happened yet: a new version starts a rollout.');
  const id = idOf(rollout);
  const total = known.length + (rollout.earlierSteps ?? 0);
  const all = state.showAll === id || total <= SHOWN + 5;
  return [
    h('ol', { class: 'timeline', 'data-key': 'timeline' }, unique(all ? entries : entries.slice(0, SHOWN)).map(entryView)),
    !all && h('button', { class: 'more', 'data-show-all': id, 'data-key': 'more' }, `Show all ${total} steps`),
  ];
}

// Two entries of one moment still need a key each.
function unique(entries) {
  const seen = new Map();
  return entries.map((entry) => {
    const count = seen.get(entry.key) ?? 0;
    seen.set(entry.key, count + 1);
    return count ? { ...entry, key: `${entry.key} ${count}` } : entry;
  });
}

function entryView(entry, position) {
  const [symbol, word, tone] = DECISIONS[entry.decision] ?? ['hold', entry.decision ?? 'Noted', 'quiet'];
  const checks = entry.checks ?? [];
  const bad = checks.filter((check) => check.outcome === 'fail' || check.outcome === 'error').length;
  return h('li', { class: tone, 'data-key': entry.key },
    h('p', { class: 'what' },
      h('time', { datetime: entry.time }, clock(entry.time)),
      h('span', { class: `badge ${tone}` }, icon(symbol), word),
      typeof entry.weight === 'number' && h('span', { class: 'weight' }, `canary at ${percent(entry.weight, 0)}`),
      entry.times > 1 && h('span', { class: 'weight' }, `${entry.times} times`),
      entry.phase && h('span', { class: 'phase' }, entry.phase)),
    entry.reason && h('p', { class: 'reason' }, entry.reason),
    checks.length > 0 && h('details', { open: bad > 0 || position === 0 },
      h('summary', null, summary(checks, bad)),
      checksTable(entry, checks)));
}

function summary(checks, bad) {
  const open = checks.filter((check) => check.outcome === 'inconclusive').length;
  const words = [`${checks.length} ${checks.length === 1 ? 'check' : 'checks'}`];
  if (bad) words.push(`${bad} failed`);
  if (open) words.push(`${open} inconclusive`);
  if (!bad && !open) words.push(checks.length === 1 ? 'passed' : 'all passed');
  return words.join(', ');
}

function checksTable(entry, checks) {
  const columns = [{ title: 'Check' }, { title: 'Value', numeric: true }, { title: 'Threshold', numeric: true }, { title: 'Result' }];
  return table(`Checks at ${clock(entry.time)}`, columns, checks.map((check, index) => {
    const [symbol, word, tone] = OUTCOMES[check.outcome] ?? ['question', check.outcome ?? 'unknown', 'quiet'];
    return {
      key: `${check.name} ${index}`,
      cells: [
        [check.name, check.kind && check.kind !== 'metric' ? h('span', { class: 'role' }, ` ${check.kind}`) : null],
        [value(measured(check, check.value)), typeof check.samples === 'number' && h('span', { class: 'samples' }, ` of ${number(check.samples)}`, h('span', { class: 'unseen' }, ' requests'))],
        value(threshold(check), 'none'),
        [h('span', { class: `outcome ${tone}` }, icon(symbol), word), check.text && check.outcome !== 'pass' && h('span', { class: 'why' }, check.text)],
      ],
    };
  }), { class: 'checks' });
}

// The builtin metrics have units; of others we know none.
function measured(check, v) {
  if (typeof v !== 'number') return number(v ?? null);
  if (check.name === 'request-success-rate') return percent(v, 2);
  if (check.name === 'request-duration') return milliseconds(v);
  return number(v);
}

function threshold(check) {
  const parts = [];
  if (typeof check.min === 'number') parts.push(`\u2265\u2009${measured(check, check.min)}`);
  if (typeof check.max === 'number') parts.push(`\u2264\u2009${measured(check, check.max)}`);
  return parts.join(' and ') || '\u2013';
}
