/**
 * `currents profiles refresh`: the customer-360 of now or of an instant, and what to look at in its ids.
 *
 * Opens the database for as long as it takes; nobody can read it meanwhile.
 */
import type { Config } from './config.ts';
import { openExistingWarehouse } from './pipeline.ts';
import { writePastProfiles } from './profiles/past-profiles.ts';
import { type AudienceRefresh, refreshAudiences } from './profiles/refresh-audiences.ts';
import { type RefreshResult, refreshProfiles } from './profiles/refresh-profiles.ts';
import type { Database } from './warehouse/database.ts';

export interface UpdateOptions {
  /** Default: now. */
  readonly asOf?: Date;
  /** Build everything again, whether it is needed or not. */
  readonly full?: boolean;
  /** Write profiles of the instant into c360.<into> and leave the present ones alone. */
  readonly into?: string;
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
}

/** Ids that somebody should look at: c360.identity_findings has them. */
interface FindingCount {
  readonly finding: string;
  readonly idType: string;
  readonly count: number;
}

export interface UpdateResult {
  readonly asOf: Date;
  /** `c360.profiles`, or the table that was asked for. */
  readonly table: string;
  readonly people: number;
  readonly seconds: number;
  /** Null when the profiles went into a table of their own. */
  readonly refresh: RefreshResult | null;
  readonly findings: readonly FindingCount[];
  /** Refreshed after the profiles; none when these went into a table of their own. */
  readonly audiences: readonly AudienceRefresh[];
}

/** @throws CurrentsError DATABASE_MISSING, DATABASE_BUSY, USAGE (a table that is taken), INTERRUPTED, DISK_FULL */
export async function updateProfiles(
  config: Config,
  options: UpdateOptions = {},
): Promise<UpdateResult> {
  const { full = false, into, waitMs = 0, signal, now = () => new Date() } = options;
  const startedAt = now();
  const asOf = options.asOf ?? startedAt;
  const database = await openExistingWarehouse(config, 'refresh profiles', waitMs);
  try {
    const refresh =
      into === undefined ? await refreshProfiles(database, { asOf, full, signal, now }) : null;
    const people = refresh?.people ?? (await writePastProfiles(database, asOf, into ?? ''));
    return {
      asOf,
      table: `c360.${into ?? 'profiles'}`,
      people,
      seconds: (now().getTime() - startedAt.getTime()) / 1000,
      refresh,
      findings: into === undefined ? await countFindings(database) : [],
      audiences: into === undefined ? await refreshAudiences(database, config, startedAt) : [],
    };
  } finally {
    database.close();
  }
}

async function countFindings(database: Database): Promise<readonly FindingCount[]> {
  return database.rows<FindingCount>(
    `select finding, id_type as "idType", count(*)::double as count
     from c360.identity_findings group by all order by all`,
  );
}
