// What happens: the stream brings news, the state takes them in, and the views are drawn anew from the state, at most
// once a frame. Views are pure functions to element trees; patch() moves the difference into the document.

import { patch } from './dom.js';
import { Stream } from './stream.js';
import { State } from './state.js';
import { announceChanges } from './announce.js';
import { handleActions } from './actions.js';
import { rolloutsView } from './rollouts_view.js';
import { servicesView } from './services_view.js';
import { findingsView } from './findings_view.js';

const state = new State();
const at = (id) => document.getElementById(id);
let drawing = false;
let servicesAreNew = true;

function draw() {
  drawing = false;
  patch(at('rollouts'), rolloutsView(state));
  if (servicesAreNew) patch(at('services'), servicesView(state)); // there may be many
  servicesAreNew = false;
  patch(at('findings'), findingsView(state));
  at('standing').hidden = !state.standing;
  if (at('standing').textContent !== state.standing) at('standing').textContent = state.standing;
  const count = state.findings.length;
  at('findings-count').textContent = count ? String(count) : '';
  document.body.classList.toggle('stale', state.connection !== 'live');
}

function drawSoon() {
  if (drawing) return;
  drawing = true;
  // A hidden tab has no frames, but is to be right when it is looked at again.
  if (document.hidden) setTimeout(draw, 200);
  else requestAnimationFrame(draw);
}

function showConnection(connection, text) {
  state.connection = connection;
  at('connection').dataset.state = connection;
  if (at('connection-text').textContent !== text) at('connection-text').textContent = text;
  drawSoon();
}

const stream = new Stream('events', {
  onEvent(name, data) {
    announceChanges(state, name, data);
    state.take(name, data);
    servicesAreNew = true;
    drawSoon();
  },
  onConnection: showConnection,
});

handleActions(state, () => { servicesAreNew = true; drawSoon(); });
// A tab that nobody looks at lets go of its connection after a while: browsers have only six for each server.
let leaving = null;
document.addEventListener('visibilitychange', () => {
  clearTimeout(leaving);
  if (document.hidden) leaving = setTimeout(() => stream.close(), 30000);
  else if (!stream.isOpen) stream.open();
  drawSoon();
});
window.addEventListener('pagehide', () => stream.close());
window.addEventListener('pageshow', (event) => { if (event.persisted) stream.open(); });
setInterval(drawSoon, 1000); // "next check in 12 s"
stream.open();
