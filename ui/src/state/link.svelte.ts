// The line to the box: what it said last, when, and the newest events.

import { listen, type Hello, type Run } from '../api/stream';
import type { LiveEvent } from '../api/types';
import { judge, type Freshness, type Health } from '../model/freshness';

const KEEP_EVENTS = 10;

export interface ArrivedEvent extends LiveEvent {
  key: number;
}

export interface LinkHandlers {
  onEvents(events: LiveEvent[]): void;
  onRun(run: Run): void;
  onCoverage(): void;
  onAlert(): void;
  /** The line is back, or the box has another store: what is on the screen may be old. */
  onReturn(otherStore: boolean): void;
}

export class Link {
  events = $state.raw<ArrivedEvent[]>([]);
  health = $state.raw<Health | null>(null);
  #connected = $state(false);
  #everConnected = $state(false);
  #boxTimeMs = $state<number | null>(null);
  #lastEventMs = $state<number | null>(null);
  #heardAt = $state(0);
  #now = $state(performance.now());
  #storeId: string | null = null;
  #lastKey = 0;

  #silentMs = $derived(Math.max(0, this.#now - this.#heardAt));
  freshness: Freshness = $derived(
    judge({
      connected: this.#connected,
      everConnected: this.#everConnected,
      boxTimeMs: this.#boxTimeMs,
      silentMs: this.#silentMs,
      lastEventMs: this.#lastEventMs,
      health: this.health,
    }),
  );
  /** The box's clock now, carried on from its last word by this device's stopwatch. */
  boxNowMs: number | null = $derived(this.#boxTimeMs === null ? null : this.#boxTimeMs + this.#silentMs);

  /** Starts listening; returns the function that stops it. */
  start(handlers: LinkHandlers): () => void {
    const timer = setInterval(() => (this.#now = performance.now()), 1_000);
    const close = listen({
      onConnected: (connected) => {
        this.#connected = connected;
        this.#everConnected ||= connected;
      },
      onHello: (hello) => this.#greet(hello, handlers),
      onHealth: (health) => {
        this.health = health;
        this.#hear(health.server_time);
        this.#noteEvent(health.last_event_at);
      },
      onEvents: (events) => {
        this.#keep(events);
        handlers.onEvents(events);
      },
      onRun: (run) => handlers.onRun(run),
      onCoverage: () => handlers.onCoverage(),
      onAlert: () => handlers.onAlert(),
    });
    return () => {
      clearInterval(timer);
      close();
    };
  }

  #greet(hello: Hello, handlers: LinkHandlers): void {
    this.#connected = true;
    this.#hear(hello.server_time);
    const before = this.#storeId;
    this.#storeId = hello.store_id;
    if (before !== null) handlers.onReturn(before !== hello.store_id);
  }

  #hear(serverTime: string): void {
    const ms = Date.parse(serverTime);
    if (!Number.isNaN(ms)) this.#boxTimeMs = ms;
    this.#heardAt = this.#now = performance.now();
  }

  #keep(events: LiveEvent[]): void {
    const arrived = events.map((event) => ({ ...event, key: (this.#lastKey += 1) })).reverse();
    this.events = [...arrived, ...this.events].slice(0, KEEP_EVENTS);
    for (const { received_at } of events) this.#noteEvent(received_at);
  }

  #noteEvent(time: string | null): void {
    const ms = time === null ? NaN : Date.parse(time);
    if (!Number.isNaN(ms)) this.#lastEventMs = Math.max(ms, this.#lastEventMs ?? ms);
  }
}
