"""The script people write in Python: fastavro reads a file, Arrow makes a table of it, DuckDB inserts that.

One insert for each file, with the same de-duplication in SQL. No ledger, no transaction around it all, no
more checks for damage than fastavro's own.
"""

import duckdb
import fastavro
import pyarrow
from measure import measure, read_task
from objects import insert_new, list_objects, make_table, table_of

COLUMN_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "array": "VARCHAR[]",
}
CHANGED_TYPES = {"time": "TIMESTAMP", "properties": "JSON", "custom_attributes": "JSON"}


def load():
    connection = duckdb.connect()
    connection.execute(f"attach '{task['database']}' as target (storage_version '{task['storageVersion']}')")
    connection.execute("use target")
    connection.execute("set preserve_insertion_order = false")
    connection.execute("create schema events")
    for event_type, _, path in list_objects(task["input"]):
        with open(path, "rb") as file:
            reader = fastavro.reader(file)
            fields = reader.writer_schema["fields"]
            batch = pyarrow.Table.from_pylist(list(reader))
        table = table_of(event_type)
        make_table(connection, table, {field["name"]: column_type(field) for field in fields})
        connection.register("arrow_batch", batch)
        insert_new(connection, table, batch.column_names, "arrow_batch")
        connection.unregister("arrow_batch")
    connection.execute("use memory")
    connection.execute("checkpoint target")
    connection.close()


def column_type(field):
    kind = field["type"]
    while not isinstance(kind, str):
        kind = kind["type"] if isinstance(kind, dict) else next(one for one in kind if one != "null")
    return CHANGED_TYPES.get(field["name"]) or COLUMN_TYPES[kind]


task = read_task()
measure(load)
