// Clicks: choosing a rollout, showing more, and what changes a rollout. Abort and promote ask first.

import { say } from './announce.js';

const QUESTIONS = {
  abort: (r) => [`Abort ${r.name}?`,
    `All traffic goes back to ${r.primary?.version || 'the primary'}, and ${r.canary?.version || 'the canary'} counts as failed.`, 'Abort'],
  promote: (r) => [`Promote ${r.name}?`,
    `${r.canary?.version || 'The canary'} gets all traffic without further checks.`, 'Promote'],
};

export function handleActions(state, redraw) {
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button || button.getAttribute('aria-disabled') === 'true') return;
    const { select, showAll, allServices, action, id } = button.dataset;
    if (select) state.selected = select;
    if (showAll) showWholeTimeline(state, showAll, redraw);
    if (allServices !== undefined) state.allServices = true;
    if (select || allServices !== undefined) redraw();
    if (action) act(state, id, action, redraw);
  });
}

// Events carry the newest steps only; the others are asked for when somebody wants to see them.
async function showWholeTimeline(state, id, redraw) {
  state.showAll = id;
  redraw();
  if (!state.rollouts.get(id)?.earlierSteps) return;
  try {
    const answer = await fetch(`../rollouts/${id}`, { signal: AbortSignal.timeout(15000) });
    if (answer.ok) state.timelines.set(id, (await answer.json()).timeline ?? []);
  } catch {
    state.showAll = null; // the button comes back
  }
  redraw();
}

async function act(state, id, action, redraw) {
  const rollout = state.rollouts.get(id);
  if (!rollout) return;
  if (QUESTIONS[action] && !(await confirmed(...QUESTIONS[action](rollout)))) return;
  state.pending.set(id, action);
  state.failures.delete(id);
  redraw();
  const failure = await send(id, action);
  state.pending.delete(id);
  if (failure) state.failures.set(id, `${action} was refused: ${failure}`);
  else say(id, `${rollout.name}: ${action} is done.`);
  redraw();
}

// Empty when done, else why not.
async function send(id, action) {
  try {
    const answer = await fetch(`../rollouts/${id}/${action}`,
      { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}', signal: AbortSignal.timeout(15000) });
    if (answer.ok) return '';
    const body = await answer.json().catch(() => ({}));
    return body.message ?? `the control plane answered ${answer.status}`;
  } catch {
    return 'the control plane did not answer';
  }
}

function confirmed(title, text, yes) {
  const dialog = document.getElementById('confirm');
  document.getElementById('confirm-title').textContent = title;
  document.getElementById('confirm-text').textContent = text;
  document.getElementById('confirm-yes').textContent = yes;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }));
}
