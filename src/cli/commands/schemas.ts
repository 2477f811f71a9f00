/**
 * `currents schemas`: the event types and fields that we know, what each release changed, and what is new
 * in schemas that objects brought and nobody has described yet. Those are named by their fingerprints.
 */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Field, WriterSchema } from '../../avro/avro-schema.ts';
import { CurrentsError } from '../../errors.ts';
import { findNearestName } from '../../nearest-name.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount, formatTable, showControls } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Context, Session, Work } from '../session.ts';

/** So much of a fingerprint is shown; less, down to six digits, is understood. */
const SHORT_FINGERPRINT = 12;
const FINGERPRINT_START = /^[0-9a-f]{6,64}$/;

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
    .option(
      '--release <version>',
      'A release, or the fingerprint of a seen schema (default: the newest)',
    )
    .action(session.action<{ release?: string }>(showSchema));
  describeCommand(
    schemas.command('diff <type> <from> <to>'),
    'Shows what changed between two releases, or from a release to a schema that was seen.',
    'currents schemas diff users.messages.email.Click v1 v10',
    'currents schemas diff users.messages.email.Click v10 3f5a0c9be1d2',
  ).action(session.action(diffTwoSchemas));
  describeCommand(
    schemas.command('seen [type]'),
    'Lists the schemas that objects brought, new ones too.',
    'currents schemas seen users.messages.email.Click',
  ).action(session.action(listSeen));
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

const showSchema: Work<{ release?: string }> = async (context, { release }, type = '') => {
  const { formatTypeName } = await import('../../avro/avro-schema.ts');
  const { name, releases, schema, origin } = await findSchema(context, type, release);
  const fields = schema.type.fields.map((field: Field) => ({
    name: field.name,
    type: formatTypeName(field.type),
    pii: field.pii === true,
    description: field.doc ?? '',
  }));
  const description = schema.type.doc ?? '';
  const { fingerprint } = schema;
  context.output.write(
    { eventType: type, version: name, releases, fingerprint, description, fields },
    () =>
      [
        `${type}, ${origin}`,
        description,
        '',
        formatTable(
          ['field', 'type', 'personal', 'description'],
          fields.map((field) => [
            showControls(field.name),
            showControls(field.type),
            field.pii ? 'yes' : '',
            showControls(field.description),
          ]),
        ),
      ].join('\n'),
  );
  return EXIT_CODES.done;
};

const diffTwoSchemas: Work = async (context, _options, type = '', from = '', to = '') => {
  const { describeChange, diffSchemas } = await import('../../avro/schema-diff.ts');
  const before = await findSchema(context, type, from);
  const after = await findSchema(context, type, to);
  const changes = diffSchemas(before.schema.type, after.schema.type);
  context.output.write({ eventType: type, from, to, changes }, () =>
    [
      `${type}, ${from} → ${to}: ${formatCount(changes.length, 'change')}`,
      ...changes.map((change) => `  ${showControls(describeChange(change))}`),
    ].join('\n'),
  );
  return EXIT_CODES.done;
};

const listSeen: Work = async (context, _options, type) => {
  const { listSeenSchemas } = await import('../../seen-schemas.ts');
  const seen = await withReader(context, async (database) => listSeenSchemas(database, type));
  const schemas = seen.map(({ eventType, version, schema, firstSeenAt, firstKey }) => ({
    eventType,
    fingerprint: schema.fingerprint,
    version: version ?? null,
    firstSeenAt,
    firstKey,
  }));
  context.output.write({ schemas }, () =>
    formatTable(
      ['event type', 'fingerprint', 'version', 'first seen', 'in'],
      schemas.map(({ eventType, fingerprint, version, firstSeenAt, firstKey }) => [
        showControls(eventType),
        fingerprint.slice(0, SHORT_FINGERPRINT),
        version ?? 'new',
        firstSeenAt,
        showControls(firstKey),
      ]),
    ),
  );
  return EXIT_CODES.done;
};

interface FoundSchema {
  /** Version or fingerprint. */
  readonly name: string;
  /** None when nobody has described it yet. */
  readonly releases: readonly string[];
  readonly schema: WriterSchema;
  /** Completes "<event type>, …". */
  readonly origin: string;
}

/** A known schema by release; one that was seen by its fingerprint, or if no release has the event type. */
async function findSchema(
  context: Context,
  eventType: string,
  release: string | undefined,
): Promise<FoundSchema> {
  const { findKnownSchema, listKnownSchemas } = await import('../../avro/schema-registry.ts');
  const versions = listKnownSchemas(eventType);
  const known = release === undefined ? versions.at(-1) : findKnownSchema(eventType, release);
  if (known !== undefined) {
    const { version: name, releases, schema } = known;
    return { name, releases, schema, origin: `as written by ${releases.join(', ')}` };
  }
  const isFingerprint = release !== undefined && FINGERPRINT_START.test(release);
  const mayBeSeen = versions.length === 0 && existsSync(context.config.database);
  if (isFingerprint || (release === undefined && mayBeSeen)) {
    const { findSeenSchema, listSeenSchemas } = await import('../../seen-schemas.ts');
    const { schema, firstKey } = await withReader(context, async (database) => {
      const isSeen = (await listSeenSchemas(database, eventType)).length > 0;
      // Most likely a slip of the keyboard: the name that comes nearest helps more.
      if (!isSeen && versions.length === 0) throw await unknownSchema(eventType, undefined);
      return findSeenSchema(database, eventType, release);
    });
    const name = schema.fingerprint.slice(0, SHORT_FINGERPRINT);
    return {
      name,
      releases: [],
      schema,
      origin: `${name}, first seen in ${showControls(firstKey)}`,
    };
  }
  throw await unknownSchema(eventType, release);
}

async function unknownSchema(eventType: string, release: string | undefined) {
  const { listEventTypes, listKnownSchemas } = await import('../../avro/schema-registry.ts');
  const versions = listKnownSchemas(eventType);
  const nearest = findNearestName(eventType, listEventTypes());
  return new CurrentsError({
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
