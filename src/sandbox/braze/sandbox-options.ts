/**
 * How a sandbox Braze is set up: which account it plays. What is not given is what Braze documents for a customer of
 * today; where two of its pages disagree there is an option, and the default is the newer or the stricter of both.
 */

import type { FaultPlan } from './faults.ts';
import type { AttributeSettings } from './fields.ts';
import type { RateLimits } from './rate-limit.ts';
import type { Stage } from './stage-watch.ts';

/** Permissions of an API key, by the names that Braze gives them. */
export const PERMISSIONS = ['users.track', 'users.export.ids', 'users.delete'] as const;

export type Permission = (typeof PERMISSIONS)[number];

export interface BrazeSandboxOptions {
  /** On loopback; 0 (the default) takes any that is free. */
  readonly port?: number;
  /** Milliseconds since 1970; the default is the machine's clock. Rate limits and times of change go by it. */
  readonly clock?: () => number;
  /** Decides everything random: ids of profiles, faults, the order of rows in staged files. Default 1. */
  readonly seed?: number;
  /** Keys and what they may do. Without it any key will do, but there has to be one. */
  readonly apiKeys?: Readonly<Record<string, readonly Permission[]>>;
  /** facts 1.2, 9.1: 75 in the whole request (default); 75 in each array for contracts with legacy limits. */
  readonly objectLimit?: { readonly count: number; readonly per: 'request' | 'array' };
  /** facts 1.2: 4 MB. Counted in millions of bytes, the stricter reading. */
  readonly bodyLimitBytes?: number;
  /** facts 9.4: 413 (default) or 400 for a body above the limit. */
  readonly tooLargeStatus?: 413 | 400;
  /** facts 9.5: 403 (default) or 401 for a key without the permission. */
  readonly missingPermissionStatus?: 403 | 401;
  /** facts 1.2, 1.3. Default: 3,000 requests in 3 seconds, reset in seconds since 1970. */
  readonly rateLimit?: RateLimits | 'none';
  /** facts 1.4: `/users/export/ids`, 250 a minute for customers since 2024-08-22, 2,500 before. */
  readonly exportsPerMinute?: number;
  /** What the dashboard says of custom attributes: forced types, blocklist. */
  readonly attributes?: Readonly<Record<string, AttributeSettings>>;
  /** External ids that Braze has blocked (facts 3.6). */
  readonly blockedExternalIds?: Iterable<string>;
  /** facts 1.5: false plays an account that is inactive. Default true. */
  readonly isAccountActive?: boolean;
  /** Faults from the first request on. */
  readonly faults?: FaultPlan;
  /** Folders or buckets that cloud data ingestion watches. */
  readonly stages?: readonly Stage[];
  /** How often they are listed; default 500. With 0 only `ingest()` lists them. */
  readonly stageEveryMs?: number;
  /**
   * facts 1.2: accepted requests are applied later, in no promised order. Each waits a random time up to this;
   * the default 0 applies at once.
   */
  readonly applyWithinMs?: number;
  /** A file that profiles are kept in, so that a restarted sandbox still has them. Made if it is missing. */
  readonly statePath?: string;
  /** So many of the latest accepted objects are kept for `received()`; default 0. */
  readonly keepReceived?: number;
}

/** The same with every gap filled. */
export interface SandboxSettings {
  readonly clock: () => number;
  readonly seed: number;
  apiKeys: Readonly<Record<string, readonly Permission[]>> | undefined;
  objectLimit: { readonly count: number; readonly per: 'request' | 'array' };
  bodyLimitBytes: number;
  readonly tooLargeStatus: 413 | 400;
  readonly missingPermissionStatus: 403 | 401;
  readonly blockedExternalIds: ReadonlySet<string>;
  readonly applyWithinMs: number;
  readonly keepReceived: number;
  /** facts 1.5: an inactive account gets 403. */
  isAccountActive: boolean;
}

export function fillOptions(options: BrazeSandboxOptions): SandboxSettings {
  return {
    clock: options.clock ?? Date.now,
    seed: options.seed ?? 1,
    apiKeys: options.apiKeys,
    objectLimit: options.objectLimit ?? { count: 75, per: 'request' },
    bodyLimitBytes: options.bodyLimitBytes ?? 4_000_000,
    tooLargeStatus: options.tooLargeStatus ?? 413,
    missingPermissionStatus: options.missingPermissionStatus ?? 403,
    blockedExternalIds: new Set(options.blockedExternalIds),
    applyWithinMs: options.applyWithinMs ?? 0,
    keepReceived: options.keepReceived ?? 0,
    isAccountActive: options.isAccountActive ?? true,
  };
}
