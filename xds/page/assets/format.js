// Numbers and times as people read them. What is not known is a dash for the eye and "no data" for the ear: see
// missing() in views.

export const DASH = '\u2013';

export function percent(value, digits = 1) {
  if (value === null || value === undefined) return DASH;
  // 99.96 is not 100: what failed must stay visible.
  if (value < 100 && value > 100 - 0.5 / 10 ** digits) return `${(100 - 1 / 10 ** digits).toFixed(digits)}\u2009%`;
  return `${trim(value.toFixed(digits))}\u2009%`;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return DASH;
  if (value >= 1000) return `${trim((value / 1000).toFixed(2))}\u2009s`;
  return `${trim(value < 10 ? value.toFixed(1) : value.toFixed(0))}\u2009ms`;
}

export function perSecond(value) {
  if (value === null || value === undefined) return DASH;
  return `${trim(value < 10 ? value.toFixed(1) : value.toFixed(0))}/s`;
}

export function number(value) {
  if (value === null || value === undefined) return DASH;
  if (typeof value !== 'number') return String(value);
  return trim(Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(2));
}

function trim(text) { return text.includes('.') ? text.replace(/\.?0+$/, '') : text; }

export function clock(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return DASH;
  return date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
}

// "45 s", "3 min", "2 h", "5 d"
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds}\u2009s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)}\u2009min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)}\u2009h`;
  return `${Math.round(seconds / 86400)}\u2009d`;
}

export function plural(count, one, many = `${one}s`) { return `${count} ${count === 1 ? one : many}`; }
