// Small pieces that several views use.

import { h } from './dom.js';
import { DASH } from './format.js';

const PATHS = {
  check: 'M3 8.5l3.2 3.2L13 4.8',
  cross: 'M4 4l8 8M12 4l-8 8',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5v9l7-4.5z',
  up: 'M8 13V3.5M4 7.2L8 3.2l4 4',
  back: 'M6.5 3.5L3 7l3.5 3.5M3.2 7H10a3 3 0 010 6H8',
  hold: 'M3.5 8h9',
  wait: 'M8 4.5V8l2.3 1.6M8 2.2a5.8 5.8 0 100 11.6A5.8 5.8 0 008 2.2z',
  question: 'M5.8 6a2.3 2.3 0 114 1.6C8.8 8.3 8 8.8 8 10M8 12.6v.2',
  flag: 'M4.5 14V2.8h7l-1.8 2.9 1.8 2.9h-7',
};

// Decoration beside a word that says the same; never alone.
export function icon(name) {
  return h('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false' },
    h('path', { d: PATHS[name] ?? PATHS.hold }));
}

const PHASES = {
  Initializing: ['wait', 'quiet'], Initialized: ['check', 'quiet'], Waiting: ['wait', 'moving'],
  Progressing: ['play', 'moving'], WaitingPromotion: ['wait', 'moving'], Promoting: ['up', 'moving'],
  Finalising: ['up', 'moving'], Succeeded: ['check', 'good'], Failed: ['cross', 'bad'],
  Terminating: ['wait', 'quiet'], Terminated: ['hold', 'quiet'],
};
const PHASE_WORDS = { WaitingPromotion: 'Waiting for promotion' };

export function phaseBadge(rollout) {
  if (rollout.suspended) return h('span', { class: 'badge warn' }, icon('pause'), 'Suspended');
  const [symbol, tone] = rollout.paused ? ['pause', 'warn'] : PHASES[rollout.phase] ?? ['hold', 'quiet'];
  const word = PHASE_WORDS[rollout.phase] ?? rollout.phase ?? 'Unknown';
  return h('span', { class: `badge ${tone}` }, icon(symbol), rollout.paused ? `Paused (${word})` : word);
}

// A number, or a dash that is read out as what it means.
export function value(text, missing = 'no data') {
  return text === DASH ? [h('span', { 'aria-hidden': 'true' }, DASH), h('span', { class: 'unseen' }, missing)] : text;
}

// Columns: [{ title, numeric }]; rows: [{ key, cells: [children...] }], the first cell being the row's header. The roles
// are what the elements mean anyway: on a phone rows become blocks (style.css), and would lose them.
export function table(caption, columns, rows, options = {}) {
  return h('table', { class: options.class, role: 'table' },
    h('caption', { class: 'unseen' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((column) =>
      h('th', { scope: 'col', role: 'columnheader', class: column.numeric ? 'number' : null }, column.title)))),
    h('tbody', { role: 'rowgroup' }, rows.map((row) =>
      h('tr', { 'data-key': row.key, role: 'row' }, row.cells.map((cell, index) =>
        h(index === 0 ? 'th' : 'td', {
          scope: index === 0 ? 'row' : null,
          role: index === 0 ? 'rowheader' : 'cell',
          class: columns[index].numeric ? 'number' : null,
          'data-label': index === 0 ? null : columns[index].title,
        }, cell))))));
}

// Where the traffic goes, as one bar: primary from the left, canary from the right with stripes.
export function weightBar(primary, canary) {
  const total = primary + canary || 1;
  const width = (100 * primary) / total;
  return h('svg', { class: 'weights', viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'primary', x: 0, y: 0, width, height: 4 }),
    h('rect', { class: 'canary', x: width, y: 0, width: 100 - width, height: 4 }));
}
