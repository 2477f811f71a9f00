"""Sound containers for damaged.ts, written by fastavro: none of our code has touched them.

In, as JSON on stdin: {folder, seed, schemas: {name: path}, files: [{name, kind, codec}]}. `kind` is the
name of a schema or "everything", a record with every Avro type. Each file gets a few blocks of a few
records; every event id is unique over all files, and every text carries the marker, so that it can be
recognised where it must not be. Out: the number of records of each file.
"""

import json
import os
import random
import string
import sys

import fastavro

MARKER = "Zx9"
EVERYTHING = {
    "type": "record",
    "name": "Everything",
    "namespace": "dataexport.S3.inner.e2e",
    "doc": "One field of each kind.",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "time", "type": "long"},
        {"name": "flag", "type": "boolean"},
        {"name": "maybe_flag", "type": ["null", "boolean"]},
        {"name": "small", "type": "int"},
        {"name": "large", "type": ["null", "long"]},
        {"name": "price", "type": "float"},
        {"name": "exact", "type": "double"},
        {"name": "raw", "type": "bytes"},
        {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": 8}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["red", "green", "blue"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {
            "name": "items",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Item",
                    "fields": [
                        {"name": "sku", "type": "string"},
                        {"name": "count", "type": ["null", "int"]},
                        {"name": "kind", "type": "Kind"},
                    ],
                },
            },
        },
        {"name": "totals", "type": {"type": "map", "values": "long"}},
        {"name": "either", "type": ["null", "string", "long", "Digest"]},
        {"name": "properties", "type": "string"},
    ],
}
# Bytes between sync markers; a few records, so that most files have several blocks.
SYNC_INTERVAL = 600


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def letters(self, count):
        return "".join(self.random.choice(string.ascii_lowercase) for _ in range(count))

    def text(self):
        return MARKER + self.letters(self.random.randrange(12)) + self.random.choice(["", "", "é", "日本", "🙂"])

    def value(self, name, schema, named):
        random = self.random
        if isinstance(schema, list):
            return self.value(name, random.choice(schema), named)
        if isinstance(schema, str) and schema in named:
            schema = named[schema]
        kind = schema if isinstance(schema, str) else schema["type"]
        if name == "id":
            return "".join(random.choice("0123456789abcdef") for _ in range(32))
        if name == "time":
            return 1_780_000_000 + random.randrange(10_000_000)
        if name == "properties":
            return json.dumps({self.letters(4): self.text(), "n": random.randrange(1000), "nested": [None, {"a": 1.5}]})
        if kind == "null":
            return None
        if kind == "boolean":
            return random.random() < 0.5
        if kind == "int":
            return random.randrange(-(2**31), 2**31) >> random.randrange(32)
        if kind == "long":
            return random.randrange(-(2**63), 2**63) >> random.randrange(64)
        if kind in ("float", "double"):
            return random.randrange(-1000, 1000) / 8
        if kind == "string":
            return self.text()
        if kind == "bytes":
            return random.randbytes(random.randrange(10))
        if kind == "fixed":
            return random.randbytes(schema["size"])
        if kind == "enum":
            return random.choice(schema["symbols"])
        if kind == "array":
            return [self.value("", schema["items"], named) for _ in range(random.randrange(4))]
        if kind == "map":
            return {self.text(): self.value("", schema["values"], named) for _ in range(random.randrange(4))}
        return {f["name"]: self.value(f["name"], f["type"], named) for f in schema["fields"]}


def collect_named(schema, found):
    if isinstance(schema, list):
        for branch in schema:
            collect_named(branch, found)
    elif isinstance(schema, dict):
        if "name" in schema and schema["type"] in ("record", "enum", "fixed"):
            found[schema["name"]] = schema
        for field in schema.get("fields", []):
            collect_named(field["type"], found)
        for part in ("items", "values"):
            if part in schema:
                collect_named(schema[part], found)
    return found


def main():
    task = json.load(sys.stdin)
    schemas = {"everything": EVERYTHING}
    for name, path in task["schemas"].items():
        with open(path) as file:
            schemas[name] = json.load(file)
    maker = Maker(task["seed"])
    counts = []
    for one in task["files"]:
        schema = schemas[one["kind"]]
        named = collect_named(schema, {})
        records = [maker.value("", schema, named) for _ in range(4 + maker.random.randrange(14))]
        with open(os.path.join(task["folder"], one["name"]), "wb") as file:
            fastavro.writer(
                file,
                schema,
                records,
                codec=one["codec"],
                sync_interval=SYNC_INTERVAL,
                sync_marker=maker.random.randbytes(16),
            )
        counts.append(len(records))
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
