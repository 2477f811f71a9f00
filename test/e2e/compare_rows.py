"""Compares event tables with what fastavro reads from the same files, through another DuckDB client.

In, as JSON on stdin: a list of {database, objects: [{key, path, eventType}], all}. With `all`, every
record of every object must be a row; without, each row must be a record of the object that it names, and
the ids in each table must be the ids of the files, each once. Events of people whom a delete request among the
files names must be in no table. Out: for each database its problems and counts.

Nothing here knows how the loader works: the expected value of a column comes from the design of the
tables alone (`time` is a UTC timestamp, JSON text is a JSON column, everything else is itself).
"""

import collections
import datetime
import json
import struct
import sys

import duckdb
import fastavro

JSON_TEXT = {"properties", "custom_attributes"}
COLUMN_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "bytes": "BLOB",
}
EPOCH = datetime.datetime(1970, 1, 1)
MAX_PROBLEMS = 5


def not_null(avro_type):
    """T of ["null", T]; `{"type": "string", "connect.doc": …}` is string."""
    if isinstance(avro_type, list):
        (avro_type,) = [branch for branch in avro_type if branch != "null"]
    if isinstance(avro_type, dict) and isinstance(avro_type["type"], (str, list)):
        if avro_type["type"] not in ("array", "map", "record", "enum", "fixed"):
            return not_null(avro_type["type"])
    return avro_type


def column_type(name, avro_type):
    avro_type = not_null(avro_type)
    if name == "time":
        return "TIMESTAMP"
    if name in JSON_TEXT and avro_type == "string":
        return "JSON"
    if isinstance(avro_type, dict) and avro_type["type"] == "array":
        return column_type("", avro_type["items"]) + "[]"
    if isinstance(avro_type, dict) and avro_type["type"] == "map":
        return f"MAP(VARCHAR, {column_type('', avro_type['values'])})"
    if isinstance(avro_type, dict) and avro_type["type"] == "enum":
        return "VARCHAR"
    return COLUMN_TYPES[avro_type]


def canonical(value):
    """A text that is equal for equal values only: floats by their bits, maps in any order."""
    if isinstance(value, float):
        return "NaN" if value != value else struct.pack(">d", value).hex()
    if isinstance(value, dict):
        return sorted((key, canonical(one)) for key, one in value.items())
    if isinstance(value, list):
        return [canonical(one) for one in value]
    return (type(value).__name__, str(value)) if not isinstance(value, bytes) else value.hex()


def expected_row(record):
    """What the columns must hold for a record: time as an instant, everything else as it is."""
    row = {}
    for name, value in record.items():
        if name == "time" and value is not None:
            try:
                value = EPOCH + datetime.timedelta(seconds=value)
            except OverflowError:
                value = f"{value} seconds"
        if value is not None:
            row[name] = canonical(value)
    return json.dumps(row, sort_keys=True)


def found_row(names, values):
    row = {}
    for name, value in zip(names, values):
        if name == "_object_id" or value is None:
            continue
        if name == "_rescued":
            for field, rescued in json.loads(value).items():
                row[field] = canonical(rescued)
        else:
            row[name] = canonical(value)
    return json.dumps(row, sort_keys=True)


def read_file(path):
    """Schema fields and records. fastavro checks sync markers; a file it refuses raises."""
    with open(path, "rb") as file:
        reader = fastavro.reader(file)
        records = list(reader)
        return {f["name"]: f["type"] for f in reader.writer_schema["fields"]}, records


MISSING_IDS = (None, "", "[REDACTED]")


class Erased:
    """Whom the delete requests among some records name, by the rules of docs/privacy.md."""

    def __init__(self, records_by_type):
        records = [record for records in records_by_type.values() for record in records]
        self.until = {}
        for request in records_by_type.get("users.UserDeleteRequest", []):
            if request["user_id"] not in MISSING_IDS:
                self._add(("user_id", request["user_id"]), request.get("time"))
        merges = [
            (("user_id", one["user_id"]), ("user_id", one["orphaned_by_id"]))
            for one in records_by_type.get("users.UserOrphan", [])
        ]
        before = -1
        while before != len(self.until):
            before = len(self.until)
            for one, other in merges:
                for known, found in ((one, other), (other, one)):
                    if known in self.until and found[1] not in MISSING_IDS:
                        self._add(found, self.until[known])
        for record in records:
            user, external = record.get("user_id"), record.get("external_user_id")
            if ("user_id", user) in self.until and external not in MISSING_IDS:
                self._add(("external_id", external), self.until[("user_id", user)])
        # Tool calls of an agent have no user: the request ties them to one.
        for event_type, agent_records in records_by_type.items():
            for record in agent_records if event_type.startswith("agentconsole.") else []:
                user, request = record.get("user_id"), record.get("request_id")
                if ("user_id", user) in self.until and request not in MISSING_IDS:
                    self._add(("request_id", request), self.until[("user_id", user)])

    def _add(self, who, until):
        self.until[who] = max(until, self.until.get(who, until))

    def has(self, event_type, record):
        if event_type.startswith("agentconsole."):
            if ("request_id", record.get("request_id")) in self.until:
                return True
        if ("user_id", record.get("user_id")) in self.until:
            return True
        if ("user_id", record.get("orphaned_by_id")) in self.until:
            return True
        until = self.until.get(("external_id", record.get("external_user_id")))
        return until is not None and record["time"] <= until


def compare_database(entry):
    problems = []
    files = {one["path"]: read_file(one["path"]) for one in entry["objects"]}
    records_by_type = collections.defaultdict(list)
    for one in entry["objects"]:
        records_by_type[one["eventType"]] += files[one["path"]][1]
    erased = Erased(records_by_type)
    connection = duckdb.connect(entry["database"], read_only=True)
    tables = dict(connection.sql("select event_type, table_name from ops.event_tables").fetchall())
    object_ids = dict(connection.sql("select key, object_id from ops.objects").fetchall())
    statuses = dict(connection.sql("select key, status from ops.objects").fetchall())

    by_type = collections.defaultdict(list)
    for one in entry["objects"]:
        by_type[one["eventType"]].append(one)
        if statuses.get(one["key"]) != "loaded":
            problems.append(f"{one['key']} is {statuses.get(one['key'])}")
    if set(tables) != set(by_type):
        problems.append(f"tables of {sorted(set(tables) ^ set(by_type))} are too few or too many")

    counts = {"records": 0, "values": 0, "rows": 0, "erased": 0, "tables": len(tables)}
    for event_type, objects in by_type.items():
        if event_type not in tables:
            continue
        relation = connection.sql(f'select * from events."{tables[event_type]}"')
        names = relation.columns
        types = dict(zip(names, map(str, relation.types)))
        rows = collections.defaultdict(collections.Counter)
        ids_in_table = collections.Counter()
        for values in relation.fetchall():
            row = dict(zip(names, values))
            rows[row["_object_id"]][found_row(names, values)] += 1
            ids_in_table[row.get("id")] += 1
            counts["rows"] += 1

        fields, ids_in_files = {}, set()
        for one in objects:
            schema, every_record = files[one["path"]]
            fields.update(schema)
            records = [record for record in every_record if not erased.has(event_type, record)]
            counts["erased"] += len(every_record) - len(records)
            counts["records"] += len(records)
            counts["values"] += sum(map(len, records))
            ids_in_files.update(record.get("id") for record in records)
            expected = collections.Counter(map(expected_row, records))
            found = rows.pop(object_ids.get(one["key"]), collections.Counter())
            if (found != expected) if entry["all"] else (found - expected):
                problems.append(
                    f"{one['key']}: {(expected - found).total()} rows differ or are missing, "
                    f"{(found - expected).total()} were not in the file: fields "
                    f"{differing_fields(expected - found, found - expected)}"
                )
        if rows:
            problems.append(f"{event_type} has rows of unknown objects")
        if set(ids_in_table) != ids_in_files or len(ids_in_table) != ids_in_table.total():
            problems.append(f"{event_type}: ids of table and files differ, or one is there twice")
        columns = {name: type for name, type in types.items() if name not in ("_object_id", "_rescued")}
        wanted = {name: column_type(name, type) for name, type in fields.items()}
        if columns != wanted:
            problems.append(f"{event_type}: columns differ: {sorted(set(columns.items()) ^ set(wanted.items()))}")
    connection.close()
    return {"problems": problems[:MAX_PROBLEMS], "counts": counts}


def differing_fields(expected, found):
    """Names only: values are other people's data."""
    names = set()
    for one, other in zip(expected, found):
        left, right = json.loads(one), json.loads(other)
        names.update(name for name in {**left, **right} if left.get(name) != right.get(name))
    return sorted(names)[:5]


if __name__ == "__main__":
    json.dump([compare_database(entry) for entry in json.load(sys.stdin)], sys.stdout)
