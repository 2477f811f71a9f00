/** What comes out of the outbox is what Braze reads: each item's object, by itself and whole. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readPortions } from '../../../src/sync/outbox.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

const text = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });

const identifier = fc.oneof(
  fc.record({ external_id: text }),
  fc.record({ braze_id: text }),
  fc.record({ email: text }),
  fc.record({ user_alias: fc.record({ alias_name: text, alias_label: text }) }),
);

const attributes = fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { minKeys: 1, maxKeys: 4 });

/** Some are not there any more when their portion is read. */
const items = fc.array(fc.record({ identifier, attributes, isPlanned: fc.boolean() }), {
  minLength: 1,
  maxLength: 40,
});

const run = fc.record({ updateExistingOnly: fc.boolean() });

it('each planned item is one object: identifier, flag, attributes', async () => {
  const database = await openTestDatabase();
  await fc.assert(
    fc.asyncProperty(items, run, async (given, { updateExistingOnly }) => {
      await database.run('delete from sync.outbox');
      const rows = given.map((item, index) => {
        const [[kind, who] = ['', '']] = Object.entries(item.identifier);
        return {
          item_id: index + 1,
          identifier_kind: kind,
          identifier: typeof who === 'string' ? who : JSON.stringify(who),
          attributes: JSON.stringify(item.attributes),
          status: item.isPlanned ? 'planned' : 'in_flight',
          repeatable: index % 3 > 0,
        };
      });
      await database.run(
        `insert into sync.outbox by name
         select *, 1 as run_id, 's' as sync, 'd' as destination, 1 as attribute_count, 1 as data_points,
           [] as operators, 0 as attempts, '{}' as entries, map {} as fingerprints
         from (select unnest(from_json($1, '[{"item_id":"BIGINT","identifier_kind":"VARCHAR","identifier":"VARCHAR","attributes":"VARCHAR","status":"VARCHAR","repeatable":"BOOLEAN"}]'), recursive := true))`,
        [JSON.stringify(rows)],
      );
      const found: unknown[] = [];
      const portions = readPortions(database, { runId: 1, updateExistingOnly }, (work) => work());
      for await (const portion of portions)
        for (const { itemId, object, repeatable } of portion)
          found.push({ itemId, repeatable, entries: Object.entries(JSON.parse(String(object))) });
      // Braze takes a new profile by alias for unwanted, unless told so.
      const hasFlag = (kind: string) => updateExistingOnly || kind === 'user_alias';
      expect(found).toEqual(
        given.flatMap((item, index) => {
          const [[kind, who] = ['', '']] = Object.entries(item.identifier);
          const flag = hasFlag(kind) ? { _update_existing_only: updateExistingOnly } : {};
          const object = JSON.stringify({ [kind]: who, ...flag });
          const both = `${object.slice(0, -1)},${JSON.stringify(item.attributes).slice(1)}`;
          const entries = Object.entries(JSON.parse(both));
          return item.isPlanned ? [{ itemId: index + 1, repeatable: index % 3 > 0, entries }] : [];
        }),
      );
    }),
  );
  database.close();
});
