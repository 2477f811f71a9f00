/**
 * What the library offers. Everything that is not here is private and may change in any release.
 *
 * Nothing here prints, exits or reads the environment, except loadConfig, which reads the environment
 * unless it is given one. Every error is a CurrentsError.
 */

export type { AudienceConfig } from './audience-settings.ts';
export {
  type AvroType,
  type Field,
  formatTypeName,
  parseAvroSchema,
  type RecordType,
  type WriterSchema,
} from './avro/avro-schema.ts';
export {
  type Block,
  type Container,
  type ContainerLimits,
  openContainer,
} from './avro/container-reader.ts';
export { type CodecName, type WriteOptions, writeContainer } from './avro/container-writer.ts';
export { type ColumnReader, createColumnReader, verifyContainer } from './avro/record-decoder.ts';
export { describeChange, diffSchemas, type FieldChange } from './avro/schema-diff.ts';
export {
  findByFingerprint,
  findKnownSchema,
  type KnownSchema,
  listEventTypes,
  listKnownSchemas,
} from './avro/schema-registry.ts';
export type { Check } from './check.ts';
export {
  type Config,
  type ConfigSources,
  type LoadConfig,
  loadConfig,
  readSecret,
  type SourceConfig,
} from './config.ts';
export type {
  DestinationConfig,
  FilesDestinationConfig,
  RestDestinationConfig,
  SecretSource,
} from './destination-settings.ts';
export {
  formatObjectKey,
  type KeyLayout,
  type ObjectKey,
  parseObjectKey,
} from './discovery/object-key.ts';
export type {
  FetchedObject,
  ListedObject,
  ListOptions,
  ObjectStore,
} from './discovery/object-store.ts';
export { openStore } from './discovery/open-store.ts';
export type { S3Settings } from './discovery/s3-bucket.ts';
export { runChecks } from './doctor.ts';
export {
  CurrentsError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorContext,
  isTransient,
} from './errors.ts';
export { type ForgetOptions, type Forgotten, forgetPeople } from './forget.ts';
export type { IngestResult } from './ingest-result.ts';
export { startBrazeSandbox } from './local-braze.ts';
export { createLogger, type Logger, type LoggerOptions, silentLogger } from './logger.ts';
export type { NamedSection } from './named-settings.ts';
export {
  findObject,
  type LedgerObject,
  listObjects,
  listQuarantine,
  type ObjectFilter,
  type QuarantinedObject,
} from './object-report.ts';
export {
  type CycleHooks,
  type CycleOptions,
  type CycleProgress,
  openSource,
  openWarehouse,
  runCycle,
} from './pipeline.ts';
export { type WatchHooks, type WatchSummary, watch } from './poller.ts';
export type { Fault, FaultPlan } from './sandbox/braze/faults.ts';
export type { AttributeSettings, FieldCounts } from './sandbox/braze/fields.ts';
export type { SandboxProfile } from './sandbox/braze/format-profile.ts';
export type { Identity as SandboxIdentity } from './sandbox/braze/identity.ts';
export type { Ingestion } from './sandbox/braze/ingest-file.ts';
export type { RateLimits } from './sandbox/braze/rate-limit.ts';
export type { Received as ReceivedObject } from './sandbox/braze/received-log.ts';
export type { BrazeSandboxOptions, Permission } from './sandbox/braze/sandbox-options.ts';
export type { Stage } from './sandbox/braze/stage-watch.ts';
export type { BrazeSandbox } from './sandbox/braze/start-sandbox.ts';
export type { Counts as SandboxCounts } from './sandbox/braze/tally.ts';
export { type GeneratedSummary, generateBucket } from './sandbox/generate-bucket.ts';
export type { GenerateOptions } from './sandbox/generate-options.ts';
export { buildSettingsJsonSchema, NAMED_SECTIONS, SETTINGS, type Setting } from './settings.ts';
export { readSqlText, type SqlText } from './sql-text.ts';
export { type EventTypeStatus, type RunSummary, readStatus, type Status } from './status.ts';
export type {
  Bookkeeping,
  DeliveryReceipt,
  DeliveryRun,
  Destination,
  FilesDestination,
  IdentifierKind,
  ItemOutcome,
  OutboxItem,
  RestDestination,
  RestLimits,
} from './sync/destination.ts';
export type { Rejection } from './sync/rejections.ts';
export {
  previewSync,
  runSync,
  type SyncHooks,
  type SyncOptions,
  type SyncReceipt,
} from './sync/run-sync.ts';
export type { AttributeCount, SampleChange, SyncPreview } from './sync/sync-preview.ts';
export type { SyncRun } from './sync/sync-runs.ts';
export { readSyncStatus, type SyncStatus } from './sync/sync-status.ts';
export type { SyncConfig, UnknownRule } from './sync-settings.ts';
export { type UpdateOptions, type UpdateResult, updateProfiles } from './update-profiles.ts';
export { Database, type OpenOptions } from './warehouse/database.ts';
export { requeueObjects } from './warehouse/object-ledger.ts';
export { type Published, type PublishOptions, publishDatabase } from './warehouse/publish.ts';
export {
  exportParquet,
  formatQuery,
  type QueryTable,
  readQuery,
  type TextFormat,
} from './warehouse/query.ts';
