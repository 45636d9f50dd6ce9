"""Folds a whole log in memory from its records as JSON lines: the cells on stdout, counts and fingerprint on stderr.

A line: {"partition": 0, "offset": 1, "append_ms": 1700000000000, "value": base64 or null, "headers": base64 or null},
partition -1 for the definitions, the records of a partition in the order of their offsets, headers as a log in Postgres
keeps them: of each the length of its name, the name, the length of its value, the value; lengths of 4 bytes, big-endian.
"""

import argparse
import json
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from folding import fold_to_stdout
from spindexer_format.refusal import Refused
from spindexer_format.verdict import DEFINITIONS, Record


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verdicts", type=Path, help="a file to write: what became of each record, and why")
    arguments = parser.parse_args()
    records = [_record_of(json.loads(line)) for line in sys.stdin.buffer]
    definitions = [record for record in records if record.partition == DEFINITIONS]
    data = [record for record in records if record.partition != DEFINITIONS]
    try:
        fold_to_stdout(definitions, data, arguments.verdicts)
    except Refused as error:
        print(f"fold_records: {error}", file=sys.stderr)
        return 1
    return 0


def _record_of(line: dict[str, Any]) -> Record:
    value = line["value"]
    headers = [] if line["headers"] is None else list(_headers_of(b64decode(line["headers"])))
    return Record(
        line["partition"],
        line["offset"],
        line["append_ms"],
        True,
        headers,
        None if value is None else b64decode(value),
    )


def _headers_of(content: bytes) -> Iterator[tuple[str, bytes]]:
    parts: list[bytes] = []
    at = 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        parts.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        yield name.decode("utf-8", "replace"), value


if __name__ == "__main__":
    sys.exit(main())
