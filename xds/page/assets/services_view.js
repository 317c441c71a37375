// Every service of the mesh with its versions: where the configuration sends requests, and what comes of them.

import { h } from './dom.js';
import { milliseconds, percent, perSecond } from './format.js';
import { liveColumns } from './rollout_view.js';
import { table, value } from './parts.js';
import { idOf } from './state.js';

const SHOWN = 40;

export function servicesView(state) {
  const all = merged(state);
  const services = state.allServices || all.length <= SHOWN + 5 ? all : all.slice(0, SHOWN);
  if (!services.length) return [h('p', { class: 'empty' }, state.loaded ? 'No service is defined.' : '')];
  const cards = services.map((service) => h('article', { class: 'card service', 'data-key': `${service.namespace}/${service.name}` },
    h('h3', null, service.name, h('span', { class: 'namespace' }, ` in ${service.namespace}`)),
    service.virtualService && h('p', { class: 'routing' }, `Routed by ${service.virtualService}${extraRoutes(service)}`),
    table(`Versions of ${service.name}, live`, liveColumns('Version'), service.rows, { class: 'live' })));
  if (services.length === all.length) return cards;
  return [...cards, h('button', { class: 'more', 'data-all-services': '', 'data-key': 'more services' }, `Show all ${all.length} services`)];
}

function extraRoutes(service) {
  const matching = service.routes.filter((route) => route.requests !== 'all requests').length;
  const mirrors = service.routes.flatMap((route) => route.mirrors ?? []).length;
  return [matching && `, ${matching} ${matching === 1 ? 'route' : 'routes'} for requests that match`, mirrors && ', mirrored'].filter(Boolean).join('');
}

// Services that a canary has made for its two sides: their traffic shows with the service that callers know.
function madeByCanaries(state) {
  const names = new Set();
  for (const { namespace, services } of state.rollouts.values()) {
    for (const name of [services?.primary, services?.canary]) if (name && name !== services.apex) names.add(`${namespace}/${name}`);
  }
  return names;
}

// Configured services with their traffic, then traffic of services that no configuration names.
function merged(state) {
  const apps = new Set();
  const hidden = madeByCanaries(state);
  const services = (state.mesh.services ?? []).filter((service) => !hidden.has(idOf(service))).map((service) => {
    const rows = service.versions.map((version) => {
      apps.add(`${service.namespace}/${version.app || service.name}`);
      const live = state.liveVersion(service.namespace, version.app || service.name, version.version);
      return row(version.version, weightOf(service, version), live, version.endpoints);
    });
    return { ...service, routes: service.routes ?? [], rows };
  });
  for (const service of state.traffic.services ?? []) {
    if (apps.has(`${service.namespace}/${service.name}`)) continue;
    services.push({ ...service, routes: [], rows: service.versions.map((v) => row(v.version, null, v)) });
  }
  return services.sort((a, b) => `${a.namespace}/${a.name}`.localeCompare(`${b.namespace}/${b.name}`));
}

// The share of ordinary requests that this version gets by the routes; null where it is not told apart from others.
function weightOf(service, version) {
  const routes = service.routes ?? [];
  const route = routes.find((r) => r.requests === 'all requests') ?? routes[routes.length - 1];
  if (!route) return service.versions.length === 1 ? 100 : null;
  let weight = 0;
  for (const to of route.destinations) {
    const mine = to.versions.some((name, i) => name === version.version && to.apps[i] === version.app);
    if (mine && to.versions.length > 1) return null;
    if (mine) weight += to.weight;
  }
  return weight;
}

function row(name, weight, live, endpoints) {
  return {
    key: name || 'none',
    cells: [
      [name || 'no version', endpoints ? h('span', { class: 'role' }, ` \u00d7\u2009${endpoints}`) : null],
      value(percent(weight, 0), 'shared by all versions'),
      value(perSecond(live?.requestsPerSecond)),
      value(percent(live?.successRate)),
      value(milliseconds(live?.p50Ms)),
      value(milliseconds(live?.p99Ms)),
    ],
  };
}
