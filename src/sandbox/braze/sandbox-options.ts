/**
 * How a sandbox Braze is set up: which account it plays. What is not given is what Braze documents for a
 * customer of today; where two of its pages disagree there is an option, and the default is the stricter or the
 * newer of both.
 */

/** Permissions of an API key, by the names that Braze gives them. */
export type Permission = 'users.track' | 'users.export.ids' | 'users.delete';

export interface BrazeSandboxOptions {
  /** On loopback; 0 (the default) takes any that is free. */
  readonly port?: number;
  /** Milliseconds since 1970; the default is the machine's clock. Rate limits and times of change go by it. */
  readonly clock?: () => number;
  /** Decides everything random: ids of profiles, faults, the order of rows in staged files. Default 1. */
  readonly seed?: number;
  /** Keys and what they may do. Without it any key will do, but there has to be one. */
  readonly apiKeys?: Readonly<Record<string, readonly Permission[]>>;
}

/** The same with every gap filled. */
export type SandboxSettings = Required<Omit<BrazeSandboxOptions, 'apiKeys' | 'port'>> &
  Pick<BrazeSandboxOptions, 'apiKeys'>;

export function fillOptions(options: BrazeSandboxOptions): SandboxSettings {
  return {
    clock: options.clock ?? Date.now,
    seed: options.seed ?? 1,
    ...(options.apiKeys === undefined ? {} : { apiKeys: options.apiKeys }),
  };
}
