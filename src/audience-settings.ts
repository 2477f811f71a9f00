/**
 * The section `audiences` of currents.yaml: what an entry may hold, and what of it the rest works with.
 *
 * An audience is a set of people, as SQL (`query`). `as` is for the syncs that write it to Braze and is only
 * checked here.
 */
import { z } from 'zod';
import { entryField, namedEntries } from './named-settings.ts';
import { parseSqlText, type SqlText } from './sql-text.ts';

export interface AudienceConfig {
  readonly query: SqlText;
  /** Audiences whose members are left out. */
  readonly exclude: readonly string[];
  /** How Braze gets it: an attribute of its own that is true or false, or an element of an array. */
  readonly as: 'boolean' | { readonly array: string };
}

const audience = z.strictObject({
  query: entryField(z.string().regex(/\S/), {
    description:
      'Who belongs to it: a file with SQL, or the SQL itself. It has a column `person_id`, `user_id` or `external_id`; other columns are ignored.',
    expected: 'the path of a file that ends in .sql, or SQL',
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
      "  query: from c360.profiles where email_subscribe = 'unsubscribed'",
    ],
  },
  checkExclusions,
);

export function toAudienceConfigs(
  written: Written,
  resolve: (path: string) => string,
): Readonly<Record<string, AudienceConfig>> {
  return Object.fromEntries(
    Object.entries(written).map(([name, { query, ...rest }]) => [
      name,
      { ...rest, query: parseSqlText(query, resolve) },
    ]),
  );
}

/** Names in `exclude` that are no audiences, and audiences that exclude each other in a circle. */
function checkExclusions({ value: audiences, issues }: z.core.ParsePayload<Written>): void {
  for (const [name, { exclude }] of Object.entries(audiences)) {
    for (const [index, other] of exclude.entries()) {
      const wrong = !Object.hasOwn(audiences, other)
        ? `found ${JSON.stringify(other)} (expected one of ${Object.keys(audiences).join(', ')})`
        : reaches(audiences, other, name)
          ? `found ${JSON.stringify(other)}, which itself leaves out ${name} (expected no circle)`
          : undefined;
      if (wrong !== undefined)
        issues.push({
          code: 'custom',
          input: other,
          path: [name, 'exclude', index],
          message: wrong,
        });
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
