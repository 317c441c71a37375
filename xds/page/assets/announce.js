// What a screen reader is told without asking: a canary's new phase or weight, and nothing else. Several changes within
// a few seconds become one sentence; numbers that change all the time are never read out.

import { idOf } from './state.js';

const QUIET_MS = 3000;
const waiting = new Map(); // id -> sentence
let timer = null;

export function announceChanges(state, name, data) {
  if (name === 'rollout-gone') say(idOf(data), `Rollout ${data.name} is gone.`);
  if (name !== 'rollout') return;
  const before = state.rollouts.get(idOf(data));
  const phase = before?.phase !== data.phase || before?.paused !== data.paused;
  if (!phase && before?.canaryWeight === data.canaryWeight) return;
  const words = data.paused ? `paused at ${data.canaryWeight} percent` : `${data.phase}, canary at ${data.canaryWeight ?? 0} percent`;
  const reason = phase && data.timeline?.length ? ` ${data.timeline[data.timeline.length - 1].reason ?? ''}` : '';
  say(idOf(data), `${data.name}: ${words}.${reason}`);
}

export function say(id, sentence) {
  waiting.set(id, sentence);
  timer ??= setTimeout(() => {
    timer = null;
    document.getElementById('announcer').textContent = [...waiting.values()].join(' ');
    waiting.clear();
  }, QUIET_MS);
}
