"""Where the objects of a task lie, and into which tables they go: for the contenders in Python."""

import re
from pathlib import Path

# Seconds become timestamps and JSON text becomes JSON, as in our tables.
CONVERSIONS = {
    "time": "make_timestamp(time::bigint * 1000000)",
    "properties": "properties::json",
    "custom_attributes": "custom_attributes::json",
}


def list_objects(folder):
    """(event type, what the key says of the schema, path), in the order of the keys."""
    objects = []
    for path in sorted(Path(folder).glob("**/*.avro")):
        event_type, schema = re.search(r"event_type=([^/]+)/date=[^/]+/([^/]+)/", str(path)).groups()
        objects.append((event_type, schema, str(path)))
    return objects


def table_of(event_type):
    return "events." + event_type.replace(".", "_").lower()


def select_converted(columns):
    """`select` list of the columns, in the types of our tables."""
    return ", ".join(
        f"{CONVERSIONS[name]} as {name}" if name in CONVERSIONS else f'"{name}"' for name in columns
    )


def insert_new(connection, table, columns, source, values=None):
    """The rows that the table does not have, each id once."""
    connection.execute(
        f"""insert into {table} by name
            select {select_converted(columns)} from {source} as batch
            anti join {table} as known using (id)
            qualify row_number() over (partition by id) = 1""",
        values,
    )


def make_table(connection, table, types):
    """Makes the table, or adds the columns that it does not have."""
    columns = ", ".join(f'"{name}" {column_type}' for name, column_type in types.items())
    connection.execute(f"create table if not exists {table} ({columns})")
    for name, column_type in types.items():
        connection.execute(f'alter table {table} add column if not exists "{name}" {column_type}')
