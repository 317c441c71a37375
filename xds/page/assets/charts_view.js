// Success rate, latency and weight over the last minutes, primary and canary in one picture each.

import { h } from './dom.js';
import { milliseconds, percent } from './format.js';
import { chart } from './chart.js';
import { KEEP_MS, serviceOf } from './state.js';

export function chartsView(state, rollout) {
  const now = state.traffic.time ?? state.now();
  const sides = [['primary', rollout.primary?.version], ['canary', rollout.canary?.version]]
    .filter(([side, version], index, all) => version && (index === 0 || version !== all[0][1]))
    .map(([side, version]) => ({ side, name: version, samples: state.series(rollout.namespace, serviceOf(rollout), version) }));
  const oldest = Math.min(now - 2 * 60 * 1000, ...sides.map(({ samples }) => samples[0]?.time ?? now));
  const from = Math.max(now - KEEP_MS, oldest);
  const of = (column) => sides.map(({ side, name, samples }) => ({ side, name, points: samples.map((s) => [s.time, s[column] ?? null]) }));
  return h('div', { class: 'charts' },
    chart({ title: 'Success rate', series: of('successRate'), from, to: now, top: 100, format: percent,
      limit: limitOf(rollout, 'request-success-rate', 'min'), limitWord: 'at least' }),
    chart({ title: 'Latency, p99', series: of('p99Ms'), from, to: now, bottom: 0, format: milliseconds,
      limit: limitOf(rollout, 'request-duration', 'max'), limitWord: 'at most' }),
    chart({ title: 'Weight of the canary', series: [{ side: 'canary', name: rollout.canary?.version || 'canary', points: weightPoints(rollout, from, now) }],
      from, to: now, bottom: 0, top: 100, steps: true, format: (value) => percent(value, 0) }));
}

// The threshold that the newest check of this name was held against.
function limitOf(rollout, name, side) {
  for (let i = (rollout.timeline ?? []).length - 1; i >= 0; --i) {
    const check = rollout.timeline[i].checks?.find((c) => c.name === name && typeof c[side] === 'number');
    if (check) return check[side];
  }
  return null;
}

// The weight changes only at what the timeline tells of.
function weightPoints(rollout, from, now) {
  const points = [];
  let before = 0;
  for (const entry of rollout.timeline ?? []) {
    const time = Date.parse(entry.time);
    if (typeof entry.weight !== 'number' || Number.isNaN(time)) continue;
    if (time < from) before = entry.weight;
    else points.push([time, entry.weight]);
  }
  return [[from, before], ...points, [now, rollout.canaryWeight ?? 0]];
}
