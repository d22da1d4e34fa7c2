#!/usr/bin/env python3
"""Plugins for gpuline in Python: an input with the host's load, a processor that names the load of each
metric, and an output that appends JSON to a file."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from gpuline_plugin import (  # noqa: E402  pylint: disable=wrong-import-position
    FLOAT, INPUT, OUTPUT, PROCESSOR, STRING, Definition, Field, Row, now, serve,
)


class LoadAverage:
    """How many processes ran or waited to, on average over the last 1, 5 and 15 minutes."""

    def __init__(self, config):
        self.path = config.get("path", "/proc/loadavg")
        if not isinstance(self.path, str):
            raise ValueError("path is a string")

    def gather(self):
        with open(self.path, encoding="ascii") as f:
            words = f.read().split()
        names = ("load1", "load5", "load15")
        return [Row("host_load", now(), fields={n: Field(float(w)) for n, w in zip(names, words)})]


class Label:
    """Adds a field to each sample that it sees."""

    def __init__(self, config):
        self.label = config.get("label", "python")

    def process(self, visible, rows):
        for row in visible:
            if row.state & 3 == 0 and "label" not in row.fields:
                row.fields["label"] = Field(self.label, STRING)
        return rows


class Lines:
    """Appends a JSON object for each metric to a file."""

    def __init__(self, config):
        self.path = config.get("path", os.devnull)

    def write(self, rows):
        with open(self.path, "a", encoding="utf-8", errors="surrogateescape") as f:
            for row in rows:
                fields = {name: repr(x.value) if x.type == FLOAT else x.value for name, x in row.fields.items()}
                f.write(json.dumps({"name": row.name, "tags": row.tags, "time": row.time, "fields": fields}) + "\n")


def option(key, doc, default):
    return {"key": key, "kind": "string", "doc": doc, "default": json.dumps(default)}


if __name__ == "__main__":
    serve("1.0.0", [
        Definition(INPUT, "loadavg", "Load of the host.", LoadAverage,
                   [option("path", "The kernel's file.", "/proc/loadavg")]),
        Definition(PROCESSOR, "label", "Adds a field to each sample.", Label,
                   [option("label", "The field's value.", "python")]),
        Definition(OUTPUT, "lines", "Appends JSON to a file.", Lines,
                   [option("path", "The file.", os.devnull)]),
    ])
