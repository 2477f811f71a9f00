"""What fastavro reads from each damaged file, and what the tables and the ledger have of it.

In, as JSON on stdin: {database, objects: [{key, path, read}]}. Out: one entry for each object, in order:
{status, code, reason, block, record, rows, oracle: {error, before}, differences}.
`oracle.error` is null when fastavro read the file to its end, or was not asked to (`read` false); `before` is how many records it had read
when a block made it give up, else null. `differences` tells how the table's rows differ from fastavro's records; null when there is
nothing to compare.

The rule for an event that is in a file twice (same id, same time): the first one is the row.
Values are compared as JSON: bytes in base64, numbers by value, nulls in records left out, because a value
may stand in a column of its type, in a wider one, or as JSON in `_rescued`.
"""

import base64
import collections
import json
import math
import multiprocessing
import resource
import sys

import duckdb
import fastavro

# fastavro follows any count: a file may keep it busy for hours, or fill the memory.
SECONDS_FOR_A_FILE = 5
MAX_BYTES = 4 << 30
JSON_TEXT = {"properties", "custom_attributes"}


def canonical(value):
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: canonical(one) for key, one in value.items() if one is not None}
    if isinstance(value, (list, tuple)):
        return [canonical(one) for one in value]
    return value


def text_of(row):
    return json.dumps({k: v for k, v in row.items() if v is not None}, sort_keys=True)


def read_with_fastavro(path):
    """(records, error, records read before the error)"""
    records, in_blocks = [], False
    try:
        with open(path, "rb") as file:
            reader = fastavro.reader(file)
            in_blocks = True
            for record in reader:
                if not isinstance(record, dict):
                    raise TypeError("the root is not a record")
                records.append(record)
            return records, None, None
    except Exception as error:  # Whatever it is, it is fastavro's no.
        return None, f"{type(error).__name__}: {error}"[:300], len(records) if in_blocks else None


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))


def read_all(paths):
    """What read_with_fastavro says of each, from a process that can be ended."""
    pool, answers = None, []
    for path in paths:
        pool = pool or multiprocessing.Pool(1, limit_memory)
        try:
            answers.append(pool.apply_async(read_with_fastavro, (path,)).get(SECONDS_FOR_A_FILE))
        except multiprocessing.TimeoutError:
            answers.append((None, f"TimeoutError: more than {SECONDS_FOR_A_FILE} seconds", None))
            pool.terminate()
            pool = None
    if pool:
        pool.terminate()
    return answers


def expected_rows(records):
    seen, rows = set(), []
    for record in records:
        key = (record.get("id"), record.get("time"))
        if isinstance(key[0], str):
            if key in seen:
                continue
            seen.add(key)
        rows.append(text_of(canonical(record)))
    return collections.Counter(rows), len(records) - len(rows)


def read_tables(connection):
    """Rows by object id, with columns under the names of their Avro fields."""
    rows = collections.defaultdict(collections.Counter)
    tables = connection.sql("select event_type, table_name from ops.event_tables").fetchall()
    for event_type, table in tables:
        fields = dict(
            connection.execute(
                "select column_name, field_name from ops.event_columns where event_type = ?", [event_type]
            ).fetchall()
        )
        quoted = '"' + table.replace('"', '""') + '"'
        described = connection.sql(f"describe events.{quoted}").fetchall()
        types = {name: kind for name, kind, *_ in described}
        parts = []
        for name, kind in types.items():
            column = '"' + name.replace('"', '""') + '"'
            # Python's own timestamps end with the year 9999.
            parts.append(f"epoch_us({column}) as {column}" if kind == "TIMESTAMP" else column)
        names = list(types)
        for values in connection.sql(f"select {', '.join(parts)} from events.{quoted}").fetchall():
            row, object_id = {}, None
            for name, value in zip(names, values):
                if value is None:
                    continue
                if name == "_object_id":
                    object_id = value
                elif name == "_rescued":
                    row.update(canonical(json.loads(value)))
                elif types[name] == "TIMESTAMP":
                    row[fields[name]] = value // 1_000_000
                elif types[name] == "JSON" and fields[name] not in JSON_TEXT:
                    row[fields[name]] = canonical(json.loads(value))
                else:
                    row[fields[name]] = canonical(value)
            rows[object_id][text_of(row)] += 1
    return rows


def describe_difference(expected, found):
    missing, extra = expected - found, found - expected
    if not missing and not extra:
        return None
    fields = set()
    for one, other in zip(missing, extra):
        left, right = json.loads(one), json.loads(other)
        fields.update(name for name in {**left, **right} if left.get(name) != right.get(name))
    return f"{missing.total()} rows are missing, {extra.total()} too many, fields {sorted(fields)[:5]}"


def main():
    task = json.load(sys.stdin)
    answers = iter(read_all([one["path"] for one in task["objects"] if one["read"]]))
    connection = duckdb.connect(task["database"], read_only=True)
    rows = read_tables(connection)
    ledger = {}
    for key, *facts in connection.sql(
        """select o.key, o.object_id, o.status, o.row_count, o.duplicate_count, q.code, q.reason, q.block, q.record
           from ops.objects o left join ops.quarantine q using (object_id)"""
    ).fetchall():
        ledger[key] = facts
    verdicts = []
    for one in task["objects"]:
        object_id, status, row_count, duplicates, code, reason, block, record = ledger.get(one["key"], [None] * 8)
        found = rows.pop(object_id, collections.Counter())
        records, error, before = next(answers) if one["read"] else (None, None, None)
        verdict = {
            "status": status,
            "code": code,
            "reason": reason,
            "block": block,
            "record": record,
            "rows": found.total(),
            "oracle": {"error": error, "before": before},
            "differences": None,
        }
        if status == "loaded" and records is not None:
            expected, repeated = expected_rows(records)
            verdict["differences"] = describe_difference(expected, found)
            if verdict["differences"] is None and (duplicates, row_count) != (repeated, found.total()):
                verdict["differences"] = f"{duplicates} duplicates in the ledger, {repeated} in the file"
        verdicts.append(verdict)
    json.dump({"verdicts": verdicts, "strangers": sum(rows[one].total() for one in rows)}, sys.stdout)


if __name__ == "__main__":
    main()
