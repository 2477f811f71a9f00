/**
 * The columns of a query as plain data: names, and types without DuckDB's classes, for stages that write
 * SQL by type. Nothing is run to the end.
 */
import {
  type DuckDBArrayType,
  type DuckDBDecimalType,
  type DuckDBListType,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import type { Database } from './database.ts';

export type ColumnShape =
  | { readonly kind: 'boolean' | 'float' | 'double' | 'date' | 'text' | 'uuid' }
  /** `isWide`: may hold more than 64 bits with a sign. */
  | { readonly kind: 'integer'; readonly isWide: boolean }
  | { readonly kind: 'decimal'; readonly scale: number }
  | { readonly kind: 'timestamp'; readonly hasZone: boolean }
  | { readonly kind: 'list'; readonly item: ColumnShape }
  | { readonly kind: 'struct'; readonly fields: readonly ShapedColumn[] }
  /** Anything else, by DuckDB's name. */
  | { readonly kind: 'other'; readonly type: string };

export interface ShapedColumn {
  readonly name: string;
  readonly shape: ColumnShape;
}

/** @throws CurrentsError DATABASE_FAILED with DuckDB's words for SQL that it does not take */
export async function shapeColumns(database: Database, sql: string): Promise<ShapedColumn[]> {
  const columns = await database.columnsOf(sql);
  return columns.map(({ name, type }) => ({ name, shape: shapeOf(type) }));
}

function shapeOf(type: DuckDBType): ColumnShape {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return { kind: 'boolean' };
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
      return { kind: 'integer', isWide: false };
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return { kind: 'integer', isWide: true };
    case DuckDBTypeId.FLOAT:
      return { kind: 'float' };
    case DuckDBTypeId.DOUBLE:
      return { kind: 'double' };
    case DuckDBTypeId.DECIMAL:
      return { kind: 'decimal', scale: (type as DuckDBDecimalType).scale };
    case DuckDBTypeId.DATE:
      return { kind: 'date' };
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return { kind: 'timestamp', hasZone: false };
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { kind: 'timestamp', hasZone: true };
    case DuckDBTypeId.VARCHAR:
      // JSON is text with an alias; what it holds differs from row to row.
      return type.alias === 'JSON' ? { kind: 'other', type: 'JSON' } : { kind: 'text' };
    case DuckDBTypeId.ENUM:
      return { kind: 'text' };
    case DuckDBTypeId.UUID:
      return { kind: 'uuid' };
    case DuckDBTypeId.LIST:
      return { kind: 'list', item: shapeOf((type as DuckDBListType).valueType) };
    case DuckDBTypeId.ARRAY:
      return { kind: 'list', item: shapeOf((type as DuckDBArrayType).valueType) };
    case DuckDBTypeId.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType;
      const fields = entryNames.map((name, index) => ({
        name,
        shape: shapeOf(entryTypes[index] as DuckDBType),
      }));
      return { kind: 'struct', fields };
    }
    default:
      return { kind: 'other', type: type.toString() };
  }
}
