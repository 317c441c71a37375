// The server's events, and whether we still get them. EventSource reconnects by itself after a broken connection, but
// neither after an answer other than 200 nor when the peer silently vanishes: so this does it all.

const NAMES = ['snapshot', 'traffic', 'rollout', 'rollout-gone', 'mesh'];
const QUIET_MS = 6000; // the server speaks every two seconds
const RETRY_MS = [500, 1000, 2000, 5000];

export class Stream {
  constructor(address, { onEvent, onConnection }) {
    this.address = address;
    this.onEvent = onEvent;
    this.onConnection = onConnection;
    this.failures = 0;
    window.addEventListener('online', () => this.open());
  }

  open() {
    this.close();
    const source = new EventSource(this.address);
    this.source = source;
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (source === this.source) this.heard(name, JSON.parse(event.data));
      });
    }
    source.onerror = () => { if (source === this.source) this.lost(); };
    this.expectWithin(QUIET_MS);
  }

  get isOpen() { return Boolean(this.source); }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  heard(name, data) {
    this.failures = 0;
    this.since = null;
    this.expectWithin(QUIET_MS);
    this.onConnection('live', 'Live');
    this.onEvent(name, data);
  }

  expectWithin(time) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost(), time);
  }

  lost() {
    this.close();
    this.since ??= new Date();
    const time = this.since.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
    this.onConnection('lost', `Disconnected since ${time}, trying again`);
    const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => this.open(), wait);
  }
}
