// All that the page knows. Nothing in here touches the document.

export const KEEP_MS = 10 * 60 * 1000;

export const idOf = (thing) => `${thing.namespace}/${thing.name}`;

export class State {
  constructor() {
    this.connection = 'connecting';
    this.loaded = false;
    this.rollouts = new Map();  // id -> rollout
    this.traffic = { services: [] };
    this.mesh = { services: [], findings: [] };
    this.history = new Map();   // "namespace/service/version" -> [{ time, requestsPerSecond, successRate, p50Ms, p99Ms }]
    this.clockSkew = 0;         // server's clock minus ours
    this.selected = null;       // id of the rollout that is shown in full
    this.pending = new Map();   // id -> action that has been sent
    this.timelines = new Map(); // id -> the whole timeline, as it was when somebody asked for it
    this.failures = new Map();  // id -> what the last action came to
  }

  // What is to be known of this replica of the control plane.
  get standing() { return this.traffic.standing ?? ''; }

  get findings() { return this.mesh.findings ?? []; }

  now() { return Date.now() + this.clockSkew; }

  take(name, data) {
    if (name === 'snapshot') this.takeSnapshot(data);
    if (name === 'traffic') this.takeTraffic(data);
    if (name === 'rollout') this.rollouts.set(idOf(data), data);
    if (name === 'rollout-gone') this.rollouts.delete(idOf(data));
    if (name === 'mesh') this.mesh = data ?? this.mesh;
  }

  takeSnapshot(data) {
    this.loaded = true;
    this.clockSkew = data.time - Date.now();
    this.rollouts = new Map(data.rollouts.map((rollout) => [idOf(rollout), rollout]));
    this.traffic = data.traffic ?? { services: [] };
    this.mesh = data.mesh ?? { services: [], findings: [] };
    this.history = new Map();
    const step = (this.traffic.resolutionSeconds ?? 2) * 1000;
    this.eachVersion(this.traffic, (id, version) => this.history.set(id, points(version.series ?? {}, step)));
  }

  eachVersion(traffic, callback) {
    for (const service of traffic.services ?? []) {
      for (const version of service.versions ?? []) callback(`${idOf(service)}/${version.version}`, version);
    }
  }

  takeTraffic(data) {
    this.traffic = data;
    const oldest = data.time - KEEP_MS;
    this.eachVersion(data, (id, { requestsPerSecond, successRate, p50Ms, p99Ms }) => {
      if (!this.history.has(id)) this.history.set(id, []);
      this.history.get(id).push({ time: data.time, requestsPerSecond, successRate, p50Ms, p99Ms });
    });
    for (const [id, known] of this.history) {
      while (known.length && known[0].time < oldest) known.shift();
      if (!known.length) this.history.delete(id);
    }
  }

  // Those that move come first, then those that failed, then by name.
  orderedRollouts() {
    const urgency = (rollout) => (isMoving(rollout) ? 0 : rollout.phase === 'Failed' ? 1 : 2);
    return [...this.rollouts.values()].sort((a, b) => urgency(a) - urgency(b) || idOf(a).localeCompare(idOf(b)));
  }

  // The one that somebody chose, else the most urgent when the page was opened: it does not change under one's eyes.
  shownRollout() {
    if (!this.rollouts.has(this.selected)) this.selected = null;
    if (!this.selected && this.rollouts.size) this.selected = idOf(this.orderedRollouts()[0]);
    return this.rollouts.get(this.selected);
  }

  // Steps that came before those that the rollout itself still tells of.
  earlier(rollout) {
    const first = rollout.timeline?.[0]?.time ?? '';
    return (this.timelines.get(idOf(rollout)) ?? []).filter((entry) => entry.time < first);
  }

  liveVersion(namespace, service, version) {
    const found = this.traffic.services?.find((s) => s.namespace === namespace && s.name === service);
    return found?.versions?.find((v) => v.version === version);
  }

  series(namespace, service, version) {
    return this.history.get(`${namespace}/${service}/${version}`) ?? [];
  }
}

// A series of the server, columns that end at one moment, as points in time.
function points(series, step) {
  const count = series.requestsPerSecond?.length ?? 0;
  return Array.from({ length: count }, (_, i) => ({
    time: series.end - (count - 1 - i) * step, requestsPerSecond: series.requestsPerSecond[i],
    successRate: series.successRate?.[i], p50Ms: series.p50Ms?.[i], p99Ms: series.p99Ms?.[i],
  }));
}

export function serviceOf(rollout) { return rollout.service ?? rollout.name; }

export function isMoving(rollout) {
  return ['Waiting', 'Progressing', 'WaitingPromotion', 'Promoting', 'Finalising'].includes(rollout.phase);
}
