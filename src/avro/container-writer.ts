/**
 * Records → the bytes of an Avro object container file.
 *
 * For fixtures, tests and the event generator; what Braze writes is read by container-reader.ts. The
 * same schema, records and options give the same bytes every time, on every machine, for codec null;
 * compressed bytes may differ between versions of the libraries that compress.
 */
import { createHash } from 'node:crypto';
import { CurrentsError } from '../errors.ts';
import { parseAvroSchema, type RecordType } from './avro-schema.ts';
import { ByteSink } from './byte-sink.ts';
import { type CodecName, compressBlock } from './codecs.ts';
import { createEncoder, createFieldGetter, ValueMismatch } from './value-encoder.ts';

export type { CodecName } from './codecs.ts';

export interface WriteOptions {
  readonly codec?: CodecName;
  readonly recordsPerBlock?: number;
  /** 16 bytes; unless given, the MD5 of the schema's JSON. */
  readonly syncMarker?: Buffer;
}

const DEFAULT_RECORDS_PER_BLOCK = 1_000;

/**
 * @param schemaJson goes into the header as it stands; its root is a record
 * @param records keyed by field name, or in field order; what value-encoder.ts accepts
 * @throws CurrentsError SCHEMA_INVALID, or RECORD_INVALID when a value does not fit its field
 */
export async function writeContainer(
  schemaJson: string,
  records: readonly (Readonly<Record<string, unknown>> | readonly unknown[])[],
  options: WriteOptions = {},
): Promise<Buffer> {
  const { type } = parseAvroSchema(schemaJson);
  const { codec = 'null', recordsPerBlock = DEFAULT_RECORDS_PER_BLOCK } = options;
  const syncMarker = options.syncMarker ?? createHash('md5').update(schemaJson).digest();
  const sink = new ByteSink();
  const parts = [formatHeader(sink, schemaJson, codec), syncMarker];
  const encodeRecord = createRecordEncoder(type);
  for (let start = 0; start < records.length; start += recordsPerBlock) {
    const end = Math.min(start + recordsPerBlock, records.length);
    for (let i = start; i < end; i++) encodeRecord(sink, records[i] as object, i);
    const bytes = await compressBlock(codec, sink.drain());
    sink.writeLong(end - start);
    sink.writeLong(bytes.length);
    parts.push(sink.drain(), bytes, syncMarker);
  }
  return Buffer.concat(parts);
}

function formatHeader(sink: ByteSink, schemaJson: string, codec: CodecName): Buffer {
  sink.writeRaw(Buffer.from('Obj\x01', 'latin1'));
  sink.writeLong(2);
  sink.writeText('avro.schema');
  sink.writeText(schemaJson);
  sink.writeText('avro.codec');
  sink.writeText(codec);
  sink.writeLong(0);
  return sink.drain();
}

/** Like the encoder of a record, but knows which record and which field does not fit. */
function createRecordEncoder(
  type: RecordType,
): (sink: ByteSink, record: object, index: number) => void {
  const gets = type.fields.map((field, i) => createFieldGetter(field.name, i));
  const encodes = type.fields.map((field) => createEncoder(field.type));
  return (sink, record, index) => {
    let i = 0;
    try {
      for (; i < gets.length; i++) encodes[i]?.(sink, gets[i]?.(record));
    } catch (error) {
      if (!(error instanceof ValueMismatch)) throw error;
      const field = type.fields[i]?.name ?? '';
      throw new CurrentsError({
        code: 'RECORD_INVALID',
        message: `cannot encode record ${index}, field ${JSON.stringify(field)}: ${error.found} (expected ${error.expected})`,
        context: { record: index, field },
      });
    }
  };
}
