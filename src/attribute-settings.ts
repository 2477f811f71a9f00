/**
 * The section `attributes` of currents.yaml: queries whose columns are written to Braze as attributes, one
 * row a person. What a column becomes follows from its type in DuckDB; the lists here say what the type
 * cannot.
 */
import { z } from 'zod';
import { entryField, namedEntries } from './named-settings.ts';
import { parseSqlText, type SqlText } from './sql-text.ts';

export interface AttributeQueryConfig {
  readonly identifier: 'external_id' | 'braze_id' | 'user_alias' | 'email' | 'phone';
  readonly query: SqlText;
  /** Arrays whose order and repetitions do not matter. */
  readonly sets: readonly string[];
  /** Integers of which the difference is sent. */
  readonly increments: readonly string[];
  /** Arrays of objects of which new objects are added. */
  readonly additions: readonly string[];
  /** Texts that may look like dates, because Braze has been told that they are texts. */
  readonly texts: readonly string[];
}

function columnList(description: string) {
  return entryField(z.array(z.string().min(1)).default([]), {
    description,
    expected: 'a list of columns of the query',
  });
}

const attributeQuery = z.strictObject({
  identifier: entryField(
    z.enum(['external_id', 'braze_id', 'user_alias', 'email', 'phone']).default('external_id'),
    {
      description:
        'How Braze knows the people; the query has a column of this name, for `user_alias` the columns `alias_name` and `alias_label`.',
      expected: 'one of external_id, braze_id, user_alias, email, phone',
    },
  ),
  query: entryField(z.string().regex(/\S/), {
    description:
      'One row a person: the identifier, and a column for each attribute. A file with SQL, or the SQL itself.',
    expected: 'the path of a file that ends in .sql, or SQL',
  }),
  sets: columnList('Arrays that are sets: another order or a repetition is no change.'),
  increments: columnList(
    'Integers that others change too: the difference is sent, as `inc`, never the value.',
  ),
  additions: columnList(
    'Arrays of objects that grow: new objects are sent with `$add`, the whole array only when one went or changed.',
  ),
  texts: columnList(
    'Texts that may look like dates. Make Braze treat the attribute as a string first, or it turns them into times.',
  ),
});

export const attributesSchema = namedEntries(attributeQuery, {
  description: 'Queries whose columns are sent to Braze as attributes.',
  example: [
    'engagement:',
    '  identifier: external_id',
    '  query: attributes/engagement.sql',
    '  sets: [favourite_categories]',
  ],
});

export function toAttributeConfigs(
  written: z.output<typeof attributesSchema>,
  resolve: (path: string) => string,
): Readonly<Record<string, AttributeQueryConfig>> {
  return Object.fromEntries(
    Object.entries(written).map(([name, { query, ...rest }]) => [
      name,
      { ...rest, query: parseSqlText(query, resolve) },
    ]),
  );
}
