/**
 * The counts of one cycle, added up as objects are loaded or set aside. Plain numbers; the ledger holds
 * the truth object by object.
 */

import type { CurrentsError } from './errors.ts';
import type { SchemaChange } from './warehouse/event-tables.ts';

/** One object that was not loaded. */
export interface CycleProblem {
  readonly key: string;
  readonly status: 'quarantined' | 'missing' | 'archived' | 'failed';
  readonly code: string;
  readonly reason: string;
  readonly hint?: string;
}

export interface EventTypeCounts {
  readonly objects: number;
  /** Events in the objects, duplicates included. */
  readonly events: number;
  readonly duplicates: number;
}

/** A result names this many problems; the ledger has all of them. */
const MAX_PROBLEMS = 100;

export class LoadTotals {
  loaded = 0;
  quarantined = 0;
  missing = 0;
  archived = 0;
  failed = 0;
  read = 0;
  duplicates = 0;
  erased = 0;
  bytes = 0;
  readonly byType = new Map<string, EventTypeCounts>();
  readonly schemaChanges: SchemaChange[] = [];
  readonly problems: CycleProblem[] = [];

  countObject(eventType: string, events: number, duplicates: number): void {
    const before = this.byType.get(eventType) ?? { objects: 0, events: 0, duplicates: 0 };
    this.byType.set(eventType, {
      objects: before.objects + 1,
      events: before.events + events,
      duplicates: before.duplicates + duplicates,
    });
    this.read += events;
    this.duplicates += duplicates;
  }

  countProblem(key: string, status: CycleProblem['status'], error: CurrentsError): void {
    this[status] += 1;
    if (this.problems.length >= MAX_PROBLEMS) return;
    const { code, message: reason, hint } = error;
    this.problems.push({ key, status, code, reason, ...(hint === undefined ? {} : { hint }) });
  }
}
