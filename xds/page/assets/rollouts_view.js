// All canaries to choose from, and the chosen one in full.

import { h } from './dom.js';
import { idOf } from './state.js';
import { percent, plural } from './format.js';
import { phaseBadge } from './parts.js';
import { rolloutView } from './rollout_view.js';

export function rolloutsView(state) {
  if (!state.loaded) return [h('p', { class: 'empty' }, 'Waiting for the control plane.')];
  if (!state.rollouts.size) {
    return [h('p', { class: 'empty' }, 'No canary is defined. ',
      h('code', null, 'remoractl apply -f canary.yaml'), ' adds one.')];
  }
  const shown = state.shownRollout();
  return [state.rollouts.size > 1 && picker(state, shown), rolloutView(state, shown)];
}

function picker(state, shown) {
  return h('nav', { 'aria-label': `Choose one of ${plural(state.rollouts.size, 'rollout')}`, class: 'picker', 'data-key': 'picker' },
    h('ul', null, state.orderedRollouts().map((rollout) =>
      h('li', { 'data-key': idOf(rollout) },
        h('button', { 'data-select': idOf(rollout), 'aria-current': rollout === shown ? 'true' : null },
          h('span', { class: 'name' }, rollout.name, h('span', { class: 'namespace' }, ` ${rollout.namespace}`)),
          phaseBadge(rollout),
          h('span', { class: 'weight' }, `canary ${percent(rollout.canaryWeight ?? 0, 0)}`))))));
}
