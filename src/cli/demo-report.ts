export interface DemoOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly seed: number;
  readonly failureTimeout: number;
  readonly outputCommit: boolean;
  readonly channelDelayMs: number;
  /** `redis`: over the network; `console`: the counter on the serial console. */
  readonly client: 'redis' | 'console';
  /** Hand over instead of killing. */
  readonly planned: boolean;
}

/** What `ftvm demo --json` prints; times of several rounds are the largest. */
export interface DemoReport {
  readonly ok: boolean;
  readonly image: string;
  readonly rounds: number;
  readonly bootMs: number;
  readonly joinPauseMs: readonly number[];
  readonly guestRequests: number;
  readonly lostAcknowledged: number;
  readonly duplicated: number;
  /** TCP connections to the guest that broke. The console client's link to the host is none. */
  readonly connectionResets: number;
  readonly consoleReconnects: number;
  readonly failover: {
    readonly detectedMs: number;
    readonly liveMs: number;
    readonly clientGapMs: number;
  };
  readonly gapsMs: readonly number[];
  readonly divergences: number;
  readonly digestsCompared: number;
}
