/**
 * Which syncs are due: after a cycle that loaded something, or by their cron expressions in UTC. Pure but for
 * what it remembers; the clock is the caller's.
 *
 * A sync that is due stays so until it is noted as done, so one that failed after a cycle is tried after the
 * next. Times that passed before the start are not caught up.
 */
import { Cron } from 'croner';
import type { SyncConfig } from '../sync-settings.ts';

export class SyncSchedule {
  /** After ingest, and due at the start: what was loaded before may never have been sent. */
  readonly #waiting: Set<string>;
  readonly #afterIngest: readonly string[];
  readonly #crons: readonly { readonly name: string; readonly cron: Cron }[];
  #next = new Map<string, number>();

  constructor(syncs: Readonly<Record<string, SyncConfig>>, now: Date) {
    const entries = Object.entries(syncs);
    this.#afterIngest = entries.flatMap(([name, { schedule }]) =>
      schedule === 'after ingest' ? [name] : [],
    );
    this.#waiting = new Set(this.#afterIngest);
    this.#crons = entries
      .filter(([, { schedule }]) => schedule !== 'after ingest' && schedule !== 'manual')
      .map(([name, { schedule }]) => ({
        name,
        cron: new Cron(schedule, { paused: true, timezone: 'UTC' }),
      }));
    for (const { name, cron } of this.#crons) this.#plan(name, cron, now);
  }

  /** A cycle ended and loaded something. */
  noteLoaded(): void {
    for (const name of this.#afterIngest) this.#waiting.add(name);
  }

  /** In the order of the settings; those by cron count as begun, and are due at their next time. */
  takeDue(now: Date): string[] {
    const due = [...this.#waiting];
    for (const { name, cron } of this.#crons) {
      if ((this.#next.get(name) ?? Number.POSITIVE_INFINITY) > now.getTime()) continue;
      due.push(name);
      this.#plan(name, cron, now);
    }
    return due;
  }

  noteDone(name: string): void {
    this.#waiting.delete(name);
  }

  /** Milliseconds since 1970 when the next one by cron is due; undefined when there is none. */
  get nextAt(): number | undefined {
    return this.#next.size === 0 ? undefined : Math.min(...this.#next.values());
  }

  #plan(name: string, cron: Cron, now: Date): void {
    const next = cron.nextRun(now);
    if (next === null) this.#next.delete(name);
    else this.#next.set(name, next.getTime());
  }
}
