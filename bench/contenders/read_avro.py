"""DuckDB's own Avro reader: `insert … select` from read_avro(), with the same de-duplication in SQL.

What a good user would write: one statement for all files of a table that have the same columns (this
reader has no union_by_name), duplicates of the table left out by an anti join, those among the new rows by
row_number(), DuckDB free to use all cores and to insert in any order. No ledger, no check for damage.
"""

from pathlib import Path

import duckdb
import duckdb_extension_avro
from measure import measure, read_task
from objects import insert_new, list_objects, make_table, table_of

COLUMN_TYPES = {"time": "TIMESTAMP", "properties": "JSON", "custom_attributes": "JSON"}


def load():
    connection = duckdb.connect()
    connection.execute(f"attach '{task['database']}' as target (storage_version '{task['storageVersion']}')")
    connection.execute("use target")
    package = Path(duckdb_extension_avro.__file__).parent
    connection.execute(f"load '{package}/extensions/v{duckdb.__version__}/avro.duckdb_extension'")
    connection.execute("set preserve_insertion_order = false")
    connection.execute("create schema events")
    for (table, columns), paths in group_by_columns(connection).items():
        make_table(connection, table, {name: COLUMN_TYPES.get(name, kind) for name, kind in columns})
        insert_new(connection, table, [name for name, _ in columns], "read_avro($paths)", {"paths": paths})
    connection.execute("use memory")
    connection.execute("checkpoint target")
    connection.close()


def group_by_columns(connection):
    """Paths by table and columns. Of each event type and schema in the keys one file is looked into."""
    known, groups = {}, {}
    for event_type, schema, path in list_objects(task["input"]):
        if (event_type, schema) not in known:
            described = connection.execute("describe from read_avro($path)", {"path": path}).fetchall()
            known[event_type, schema] = tuple((name, kind) for name, kind, *_ in described)
        groups.setdefault((table_of(event_type), known[event_type, schema]), []).append(path)
    return groups


task = read_task()
measure(load)
