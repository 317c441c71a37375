// A small line chart: time to the right, a value upwards, a dashed limit. Primary is a plain line, canary a broken one
// with a diamond at its end, so that nobody needs the colours; the figure says in words what the picture shows.

import { h } from './dom.js';
import { span } from './format.js';

const WIDTH = 400;
const HEIGHT = 150;
const LEFT = 46;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;

// series: [{ side: 'primary' | 'canary', name, points: [[time, value or null]] }]
export function chart({ title, series, from, to, top, bottom, steps, format, limit, limitWord }) {
  const known = series.flatMap(({ points }) => points.filter(([time, v]) => v !== null && time >= from).map(([, v]) => v));
  const range = scale(known, limit, bottom, top);
  const x = (time) => LEFT + ((WIDTH - LEFT - RIGHT) * Math.max(0, time - from)) / Math.max(1, to - from);
  const y = (v) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (v - range.low)) / (range.high - range.low);
  return h('figure', { class: 'chart', 'data-key': title },
    h('figcaption', null, h('span', { class: 'title' }, title), legend(series, format),
      typeof limit === 'number' && h('span', { class: 'limit-text' }, `${limitWord} ${format(limit)}`)),
    h('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': inWords(title, series, from, to, format, limit, limitWord) },
      [range.low, (range.low + range.high) / 2, range.high].map((v) => [
        h('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(v), y2: y(v) }),
        h('text', { class: 'tick', x: LEFT - 6, y: y(v) + 4, 'text-anchor': 'end' }, format(v))]),
      h('text', { class: 'tick', x: LEFT, y: HEIGHT - 5 }, `${span(to - from)} ago`),
      h('text', { class: 'tick', x: WIDTH - RIGHT, y: HEIGHT - 5, 'text-anchor': 'end' }, 'now'),
      typeof limit === 'number' && h('line', { class: 'limit', x1: LEFT, x2: WIDTH - RIGHT, y1: y(limit), y2: y(limit) }),
      series.map(({ side, points }) => line(side, points.filter(([time]) => time >= from), x, y, steps)),
      !known.length && h('text', { class: 'tick', x: WIDTH / 2, y: HEIGHT / 2 - 8, 'text-anchor': 'middle' }, 'no traffic')));
}

// From what is there to round numbers, so that the limit is always in the picture.
function scale(known, limit, bottom, top) {
  const values = typeof limit === 'number' ? [...known, limit] : known;
  let low = bottom ?? Math.min(...values, top ?? Infinity);
  let high = top ?? Math.max(...values, low);
  if (!Number.isFinite(low)) low = 0;
  if (!Number.isFinite(high)) high = 100;
  if (top === undefined) high = roundUp(Math.max(high * 1.1, low + 1));
  if (bottom === undefined) low = Math.max(0, high - roundUp(Math.max((high - low) * 1.15, 2)));
  return { low, high };
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((factor) => factor * power).find((round) => round >= value - 1e-9);
}

// Gaps where nothing is known; a diamond or a dot where the line ends.
function line(side, points, x, y, steps) {
  let path = '';
  let last = null;
  for (const [time, v] of points) {
    if (v === null) { last = null; continue; }
    const [px, py] = [x(time).toFixed(1), y(v).toFixed(1)];
    if (last === null) path += `M${px} ${py}`;
    else path += steps ? `H${px}V${py}` : `L${px} ${py}`;
    last = [Number(px), Number(py)];
  }
  return [path && h('path', { class: `line ${side}`, d: path }), last && endMark(side, last)];
}

function endMark(side, [px, py]) {
  return side === 'primary'
    ? h('circle', { class: 'mark primary', cx: px, cy: py, r: 3.5 })
    : h('path', { class: 'mark canary', d: `M${px - 4.5} ${py}L${px} ${py - 4.5}L${px + 4.5} ${py}L${px} ${py + 4.5}z` });
}

function newest(points) {
  const known = points.filter(([, v]) => v !== null);
  return known.length ? known[known.length - 1][1] : null;
}

function legend(series, format) {
  return h('span', { class: 'legend' }, series.map(({ side, name, points }) =>
    h('span', { class: side }, h('span', { class: `swatch ${side}`, 'aria-hidden': 'true' }), `${name} `,
      h('strong', null, format(newest(points))))));
}

function inWords(title, series, from, to, format, limit, limitWord) {
  const parts = series.map(({ name, points }) => {
    const values = points.filter(([time, v]) => v !== null && time >= from).map(([, v]) => v);
    if (!values.length) return `${name}: no data`;
    return `${name}: now ${format(values[values.length - 1])}, between ${format(Math.min(...values))} and ${format(Math.max(...values))}`;
  });
  const bound = typeof limit === 'number' ? `; to be ${limitWord} ${format(limit)}` : '';
  return `${title} of the last ${span(to - from)}. ${parts.join('. ')}${bound}.`;
}
