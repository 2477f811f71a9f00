/** `currents schemas`: the event types and fields that we know, and what each release changed. */
import type { Command } from 'commander';
import type { Field } from '../../avro/avro-schema.ts';
import type { KnownSchema } from '../../avro/schema-registry.ts';
import { CurrentsError } from '../../errors.ts';
import { findNearestName } from '../../nearest-name.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount, formatTable } from '../output.ts';
import type { Session, Work } from '../session.ts';

export function addSchemasCommand(program: Command, session: Session): void {
  const schemas = describeCommand(
    program.command('schemas'),
    'Shows the known schemas, and what each release changed.',
    'currents schemas show users.messages.email.Open',
  );
  describeCommand(
    schemas.command('list', { isDefault: true }),
    'Lists the event types with their versions.',
    'currents schemas list',
  ).action(session.action(listSchemas));
  describeCommand(
    schemas.command('show <type>'),
    'Shows the fields of an event type.',
    'currents schemas show users.messages.email.Open --release v7',
  )
    .option('--release <version>', 'As this release wrote it (default: the newest)')
    .action(session.action<{ release?: string }>(showSchema));
  describeCommand(
    schemas.command('diff <type> <from> <to>'),
    'Shows what changed between two releases.',
    'currents schemas diff users.messages.email.Click v1 v10',
  ).action(session.action(diffTwoSchemas));
}

const listSchemas: Work = async ({ output }) => {
  const { listEventTypes, listKnownSchemas } = await import('../../avro/schema-registry.ts');
  const eventTypes = listEventTypes().map((eventType) => {
    const known = listKnownSchemas(eventType);
    return {
      eventType,
      versions: known.map((schema) => schema.version),
      fields: known.at(-1)?.schema.type.fields.length ?? 0,
    };
  });
  output.write({ eventTypes }, () =>
    formatTable(
      ['event type', 'fields', 'versions'],
      eventTypes.map((known) => [known.eventType, known.fields, known.versions.join(' ')]),
    ),
  );
  return EXIT_CODES.done;
};

const showSchema: Work<{ release?: string }> = async ({ output }, { release }, type = '') => {
  const { formatTypeName } = await import('../../avro/avro-schema.ts');
  const known = await findSchema(type, release);
  const { eventType, version, releases, schema } = known;
  const fields = schema.type.fields.map((field: Field) => ({
    name: field.name,
    type: formatTypeName(field.type),
    pii: field.pii === true,
    description: field.doc ?? '',
  }));
  const description = schema.type.doc ?? '';
  output.write(
    { eventType, version, releases, fingerprint: schema.fingerprint, description, fields },
    () =>
      [
        `${eventType}, as written by ${releases.join(', ')}`,
        description,
        '',
        formatTable(
          ['field', 'type', 'personal', 'description'],
          fields.map((field) => [
            field.name,
            field.type,
            field.pii ? 'yes' : '',
            field.description,
          ]),
        ),
      ].join('\n'),
  );
  return EXIT_CODES.done;
};

const diffTwoSchemas: Work = async ({ output }, _options, type = '', from = '', to = '') => {
  const { describeChange, diffSchemas } = await import('../../avro/schema-diff.ts');
  const [before, after] = [await findSchema(type, from), await findSchema(type, to)];
  const changes = diffSchemas(before.schema.type, after.schema.type);
  output.write({ eventType: type, from, to, changes }, () =>
    [
      `${type}, ${from} → ${to}: ${formatCount(changes.length, 'change')}`,
      ...changes.map((change) => `  ${describeChange(change)}`),
    ].join('\n'),
  );
  return EXIT_CODES.done;
};

async function findSchema(eventType: string, release: string | undefined): Promise<KnownSchema> {
  const { findKnownSchema, listEventTypes, listKnownSchemas } = await import(
    '../../avro/schema-registry.ts'
  );
  const versions = listKnownSchemas(eventType);
  const known = release === undefined ? versions.at(-1) : findKnownSchema(eventType, release);
  if (known !== undefined) return known;
  const nearest = findNearestName(eventType, listEventTypes());
  throw new CurrentsError({
    code: 'SCHEMA_UNKNOWN',
    message:
      versions.length === 0
        ? `cannot show ${eventType}: there is no such event type`
        : `cannot show ${eventType} of ${release}: no such release (${versions.flatMap((version) => version.releases).join(', ')})`,
    hint:
      versions.length === 0 && nearest !== undefined
        ? `currents schemas show ${nearest}`
        : 'currents schemas list',
    context: { eventType },
  });
}
