/**
 * The section `audiences` of currents.yaml: what an entry may hold, and what of it the rest works with.
 *
 * An audience is a set of people, as SQL (`query`) or as conditions over profiles (`where`), one of the two.
 * `as` is for the syncs that write it to Braze and is only checked here.
 */
import { z } from 'zod';
import { type Condition, parseConditions } from './audience-conditions.ts';
import { entryField, namedEntries } from './named-settings.ts';
import { parseSqlText, type SqlText } from './sql-text.ts';

export interface AudienceConfig {
  /** Either this or `where`. */
  readonly query: SqlText | undefined;
  readonly where: Condition | undefined;
  /** Audiences whose members are left out. */
  readonly exclude: readonly string[];
  /** How Braze gets it: an attribute of its own that is true or false, or an element of an array. */
  readonly as: 'boolean' | { readonly array: string };
}

const audience = z.strictObject({
  query: entryField(z.string().regex(/\S/).optional(), {
    description:
      'Who belongs to it: a file with SQL, or the SQL itself. It has a column `person_id`, `user_id` or `external_id`; other columns are ignored.',
    expected: 'the path of a file that ends in .sql, or SQL',
  }),
  where: entryField(z.record(z.string(), z.unknown()).optional(), {
    description:
      'The same without SQL: conditions over the columns of c360.profiles, all of which have to hold; see [Audiences](audiences.md).',
    expected: 'columns with conditions, such as purchases_365d: { atLeast: 2 }',
  }),
  exclude: entryField(z.array(z.string()).default([]), {
    description: 'Names of audiences whose members do not belong to this one.',
    expected: 'a list of names of audiences',
  }),
  as: entryField(
    z
      .union([z.literal('boolean'), z.strictObject({ array: z.string().min(1) })])
      .default('boolean'),
    {
      description:
        'How a sync writes it: `boolean`, an attribute with the name of the audience; or `{ array: NAME }`, its name as an element of that array.',
      expected: 'boolean or { array: name of an attribute }',
    },
  ),
});

type Written = Record<string, z.output<typeof audience>>;

export const audiencesSchema = namedEntries(
  audience,
  {
    description: 'Named sets of people, kept in c360.audience_members.',
    example: [
      'lapsing_vips:',
      '  query: audiences/lapsing_vips.sql',
      '  exclude: [unsubscribed]',
      'unsubscribed:',
      '  where: { email_consent: unsubscribed }',
    ],
  },
  checkAudiences,
);

export function toAudienceConfigs(
  written: Written,
  resolve: (path: string) => string,
): Readonly<Record<string, AudienceConfig>> {
  return Object.fromEntries(
    Object.entries(written).map(([name, { query, where, ...rest }]) => [
      name,
      {
        ...rest,
        query: query === undefined ? undefined : parseSqlText(query, resolve),
        where: where === undefined ? undefined : parseConditions(where, () => {}),
      },
    ]),
  );
}

/** What a field alone cannot tell: one of `query` and `where`, their form, and who excludes whom. */
function checkAudiences({ value: audiences, issues }: z.core.ParsePayload<Written>): void {
  for (const [name, { query, where, exclude }] of Object.entries(audiences)) {
    function report(path: readonly PropertyKey[], message: string): void {
      issues.push({ code: 'custom', input: undefined, path: [name, ...path], message });
    }
    if ((query === undefined) === (where === undefined))
      report(
        [],
        `found ${query === undefined ? 'neither' : 'both'} (expected either query or where)`,
      );
    if (where !== undefined)
      parseConditions(where, (path, message) => report(['where', ...path], message));
    for (const [index, other] of exclude.entries()) {
      const found = `found ${JSON.stringify(other)}`;
      if (!Object.hasOwn(audiences, other))
        report(
          ['exclude', index],
          `${found} (expected one of ${Object.keys(audiences).join(', ')})`,
        );
      else if (reaches(audiences, other, name))
        report(
          ['exclude', index],
          `${found}, which itself leaves out ${name} (expected no circle)`,
        );
    }
  }
}

function reaches(audiences: Written, from: string, to: string): boolean {
  const seen = new Set<string>();
  const waiting = [from];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (name === to) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    waiting.push(...(audiences[name]?.exclude ?? []));
  }
  return false;
}
