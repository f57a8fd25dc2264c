// The live stream of the box, kept open for as long as the page lives.
//
// The browser reconnects an EventSource by itself (with Last-Event-ID) after most breaks, but gives up after an HTTP
// error, and does not notice a line that is open and dead. Both are mended here. Called by `state/link.svelte.ts`.

import type { Health } from '../model/freshness';
import { STREAM_PATH } from './client';
import type { LiveEvent } from './types';

const DEAD_AFTER_MS = 30_000; // six missed words: the line is dead though nobody said so
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 15_000;

export interface Hello {
  server_time: string;
  store_id: string;
}

export interface Run {
  run_id: string | number;
  resolution: number;
  from_day: string;
  to_day: string;
  state: string;
}

export interface Listener {
  onConnected(connected: boolean): void;
  onHello(hello: Hello): void;
  onHealth(health: Health): void;
  onEvents(events: LiveEvent[]): void;
  onRun(run: Run): void;
  /** Cells became unknown, or are watched again. */
  onCoverage(): void;
  /** Something was raised, taken note of or closed; who may read it asks for it. */
  onAlert(): void;
}

/** Opens the stream and keeps it open; returns the function that closes it for good. */
export function listen(listener: Listener): () => void {
  let source: EventSource | null = null;
  let retryMs = RETRY_FIRST_MS;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let heardAt = performance.now();

  function on<T>(name: string, handle: (data: T) => void): void {
    source?.addEventListener(name, (message) => {
      heardAt = performance.now();
      retryMs = RETRY_FIRST_MS;
      handle(JSON.parse((message as MessageEvent<string>).data) as T);
    });
  }

  function open(): void {
    clearTimeout(retryTimer);
    source?.close();
    heardAt = performance.now();
    source = new EventSource(STREAM_PATH);
    source.onopen = () => listener.onConnected(true);
    source.onerror = lost;
    on<Hello>('hello', listener.onHello);
    on<Health>('health', listener.onHealth);
    on<{ items: LiveEvent[] }>('events', ({ items }) => listener.onEvents(items));
    on<Run>('run', listener.onRun);
    on<unknown>('coverage', listener.onCoverage);
    on('alert', () => listener.onAlert());
  }

  function lost(): void {
    listener.onConnected(false);
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    clearTimeout(retryTimer);
    retryTimer = setTimeout(open, retryMs);
    retryMs = Math.min(retryMs * 2, RETRY_MOST_MS);
  }

  function reviveDeadLine(): void {
    if (document.visibilityState !== 'visible' || performance.now() - heardAt < DEAD_AFTER_MS) return;
    listener.onConnected(false);
    open();
  }

  const watchdog = setInterval(reviveDeadLine, 5_000);
  document.addEventListener('visibilitychange', reviveDeadLine); // a phone taken out of the pocket asks at once
  open();

  return () => {
    clearInterval(watchdog);
    clearTimeout(retryTimer);
    document.removeEventListener('visibilitychange', reviveDeadLine);
    source?.close();
  };
}
