/**
 * Two versions of a record → what the later one did, field by field.
 *
 * Pure. Fields are matched by name alone, as Currents does: order and position mean nothing to readers,
 * but a move is reported because it changes the bytes. Types are compared by the values they can hold:
 * `["null", T]` and `[T, "null"]` are the same, and so is a nested record under another name.
 *
 * One field can have two changes (int → null | long loosens and widens). What both gained and lost
 * values is retyped and nothing else.
 */
import { type AvroType, formatTypeName, type RecordType } from './avro-type.ts';

export interface FieldChange {
  readonly kind:
    | 'added'
    | 'removed'
    /** Holds every value it held, and more: an Avro promotion, more symbols, more branches. */
    | 'widened'
    | 'narrowed'
    /** Null is allowed now, in the field or in what it contains. */
    | 'loosened'
    | 'tightened'
    | 'retyped'
    | 'moved';
  readonly field: string;
  /** The type before, or for a move the place: `first` or `after <field>`. Absent when added. */
  readonly from?: string;
  /** The type now, or the place. Absent when removed. */
  readonly to?: string;
}

type TypeChange = 'widened' | 'narrowed' | 'loosened' | 'tightened' | 'retyped';

/**
 * Lists what was removed, then what changed its type (both in the old order), then what was added and
 * what moved (both in the new order). Of the fields that stayed, the fewest that explain the new order
 * are reported as moved.
 */
export function diffSchemas(from: RecordType, to: RecordType): readonly FieldChange[] {
  const before = new Map(from.fields.map((field) => [field.name, field.type]));
  const after = new Map(to.fields.map((field) => [field.name, field.type]));
  const removed: FieldChange[] = [];
  const changed: FieldChange[] = [];
  const added: FieldChange[] = [];
  for (const [field, type] of before) {
    const now = after.get(field);
    if (now === undefined) {
      removed.push({ kind: 'removed', field, from: formatTypeName(type) });
      continue;
    }
    for (const kind of compareTypes(type, now)) {
      changed.push({ kind, field, from: formatTypeName(type), to: formatTypeName(now) });
    }
  }
  for (const [field, type] of after) {
    if (!before.has(field)) added.push({ kind: 'added', field, to: formatTypeName(type) });
  }
  return [...removed, ...changed, ...added, ...listMoves([...before.keys()], [...after.keys()])];
}

/** One line in English, for `currents schemas diff` and reports. */
export function describeChange(change: FieldChange): string {
  const { kind, field, from = '', to = '' } = change;
  switch (kind) {
    case 'added':
      return `${field} was added: ${to}`;
    case 'removed':
      return `${field} was removed: ${from}`;
    case 'widened':
      return `${field} can hold more: ${from} → ${to}`;
    case 'narrowed':
      return `${field} can hold less: ${from} → ${to}`;
    case 'loosened':
      return `${field} can be null now: ${from} → ${to}`;
    case 'tightened':
      return `${field} can no longer be null: ${from} → ${to}`;
    case 'retyped':
      return `${field} has another type: ${from} → ${to}`;
    case 'moved':
      return `${field} moved: ${from} → ${to}`;
  }
}

/** What each promotes to (Avro specification 1.12, "Schema Resolution"). string and bytes promote to each other, so neither is the wider one. */
const PROMOTIONS: ReadonlyMap<AvroType['kind'], readonly AvroType['kind'][]> = new Map([
  ['int', ['long', 'float', 'double']],
  ['long', ['float', 'double']],
  ['float', ['double']],
]);

function compareTypes(from: AvroType, to: AvroType): readonly TypeChange[] {
  const changes = new Set<TypeChange>();
  collectChanges(from, to, changes, new Map());
  const isContradictory =
    (changes.has('widened') && changes.has('narrowed')) ||
    (changes.has('loosened') && changes.has('tightened'));
  return changes.has('retyped') || isContradictory ? ['retyped'] : [...changes];
}

/** @param compared pairs already on their way, because recursive schemas have no end */
function collectChanges(
  from: AvroType,
  to: AvroType,
  changes: Set<TypeChange>,
  compared: Map<AvroType, Set<AvroType>>,
): void {
  const partners = compared.get(from) ?? new Set();
  if (partners.has(to)) return;
  compared.set(from, partners.add(to));
  if (from.kind === 'union' || to.kind === 'union') {
    collectBranchChanges(from, to, changes, compared);
  } else if (from.kind === 'array' && to.kind === 'array') {
    collectChanges(from.items, to.items, changes, compared);
  } else if (from.kind === 'map' && to.kind === 'map') {
    collectChanges(from.values, to.values, changes, compared);
  } else if (from.kind === 'record' && to.kind === 'record') {
    collectFieldChanges(from, to, changes, compared);
  } else if (from.kind === 'enum' && to.kind === 'enum') {
    collectSetChanges(new Set(from.symbols), new Set(to.symbols), changes);
  } else if (!isSameScalar(from, to)) {
    changes.add(findPromotion(from, to));
  }
}

/** A type that is no union counts as a union of one. */
function collectBranchChanges(
  from: AvroType,
  to: AvroType,
  changes: Set<TypeChange>,
  compared: Map<AvroType, Set<AvroType>>,
): void {
  const before = listBranches(from);
  const after = listBranches(to);
  const wasNullable = before.delete('null');
  const isNullable = after.delete('null');
  if (wasNullable !== isNullable) changes.add(isNullable ? 'loosened' : 'tightened');
  const [onlyBefore] = before.values();
  const [onlyAfter] = after.values();
  if (
    before.size === 1 &&
    after.size === 1 &&
    onlyBefore !== undefined &&
    onlyAfter !== undefined
  ) {
    collectChanges(onlyBefore, onlyAfter, changes, compared);
    return;
  }
  collectSetChanges(new Set(before.keys()), new Set(after.keys()), changes);
  for (const [key, type] of before) {
    const now = after.get(key);
    if (now !== undefined) collectChanges(type, now, changes, compared);
  }
}

/** By what tells branches apart in Avro: the name of a named type, otherwise the kind. */
function listBranches(type: AvroType): Map<string, AvroType> {
  const branches = type.kind === 'union' ? type.branches : [type];
  return new Map(
    branches.map((branch) => [
      'name' in branch ? `${branch.kind} ${branch.name}` : branch.kind,
      branch,
    ]),
  );
}

function collectFieldChanges(
  from: RecordType,
  to: RecordType,
  changes: Set<TypeChange>,
  compared: Map<AvroType, Set<AvroType>>,
): void {
  const after = new Map(to.fields.map((field) => [field.name, field.type]));
  collectSetChanges(
    new Set(from.fields.map((field) => field.name)),
    new Set(after.keys()),
    changes,
  );
  for (const field of from.fields) {
    const now = after.get(field.name);
    if (now !== undefined) collectChanges(field.type, now, changes, compared);
  }
}

function collectSetChanges(
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
  changes: Set<TypeChange>,
): void {
  if ([...before].some((member) => !after.has(member))) changes.add('narrowed');
  if ([...after].some((member) => !before.has(member))) changes.add('widened');
}

/** formatTypeName leaves nothing out for scalars. The name of a fixed says nothing about its values. */
function isSameScalar(from: AvroType, to: AvroType): boolean {
  const renamed = from.kind === 'fixed' && to.kind === 'fixed' ? { ...from, name: to.name } : from;
  return formatTypeName(renamed) === formatTypeName(to);
}

function findPromotion(from: AvroType, to: AvroType): TypeChange {
  // A date does not become a timestamp by having more bits.
  if ('logical' in from || 'logical' in to) return 'retyped';
  if (PROMOTIONS.get(from.kind)?.includes(to.kind) === true) return 'widened';
  if (PROMOTIONS.get(to.kind)?.includes(from.kind) === true) return 'narrowed';
  return 'retyped';
}

function listMoves(before: readonly string[], after: readonly string[]): readonly FieldChange[] {
  const oldIndexes = new Map(before.map((field, index) => [field, index]));
  const newIndexes = new Map(after.map((field, index) => [field, index]));
  const survivors = after.filter((field) => oldIndexes.has(field));
  const unmoved = new Set(
    findLongestIncreasing(survivors.map((field) => oldIndexes.get(field) ?? 0)),
  );
  return survivors
    .filter((_, position) => !unmoved.has(position))
    .map((field) => ({
      kind: 'moved',
      field,
      from: formatPlace(before, oldIndexes.get(field)),
      to: formatPlace(after, newIndexes.get(field)),
    }));
}

/**
 * Positions of a longest strictly increasing subsequence, by patience sorting: O(n log n), because a
 * header may bring ten thousand fields in any order.
 */
function findLongestIncreasing(values: readonly number[]): readonly number[] {
  /** tails[k]: position of the smallest value that ends an increasing run of length k + 1. */
  const tails: number[] = [];
  const previous: (number | undefined)[] = [];
  for (const [position, value] of values.entries()) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((values[tails[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous.push(tails[low - 1]);
    tails[low] = position;
  }
  const run: number[] = [];
  for (let at = tails.at(-1); at !== undefined; at = previous[at]) run.push(at);
  return run.reverse();
}

function formatPlace(fields: readonly string[], index = 0): string {
  const predecessor = fields[index - 1];
  return predecessor === undefined ? 'first' : `after ${predecessor}`;
}
