"""Mutations as bytes: fastavro writes them; a strict reader of its own, byte by byte, takes them apart."""

import io
import json
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import fastavro

from .mutation import COLUMNS_MAX, KEY_PARTS_MAX, OPERATIONS, Mutation, Value
from .refusal import Refused

SCHEMA_PATH = Path(__file__).resolve().parents[3] / "schemas" / "mutation.avsc"
SCHEMA_TEXT = SCHEMA_PATH.read_text(encoding="utf-8")
SCHEMA = fastavro.parse_schema(json.loads(SCHEMA_TEXT))
BRANCHES = ("null", "boolean", "long", "double", "string", "bytes")
_DOUBLE = struct.Struct("<d")


def encode(mutation: Mutation) -> bytes:
    """The Avro bytes, without framing: every map and array in one block, in the order given."""
    columns = {name: _branched(value) for name, value in mutation.columns.items()}
    record = {
        "stamp": mutation.stamp,
        "seq": mutation.seq,
        "operation": mutation.operation,
        "dataset": mutation.dataset,
        "key": list(mutation.key),
        "columns": columns,
    }
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMA, record)
    return out.getvalue()


def _branched(value: Value) -> Any:
    # Named explicitly: fastavro would otherwise guess, and choose double or long by the value.
    return None if value is None else (branch_of(value), value)


def branch_of(value: Value) -> str:
    """The branch of the union that holds the value. bool before int: it is one of its subclasses."""
    if value is None:
        return "null"
    for branch, kind in (("boolean", bool), ("long", int), ("double", float), ("string", str)):
        if isinstance(value, kind):
            return branch
    return "bytes"


def decode_with_fastavro(data: bytes) -> Mutation:
    """A second opinion on well-formed bytes; by itself it is not strict enough."""
    source = io.BytesIO(data)
    record: Any = fastavro.schemaless_reader(source, SCHEMA, None)
    if source.read(1):
        raise Refused("bytes behind the message")
    return Mutation(
        record["stamp"],
        record["seq"],
        record["operation"],
        record["dataset"],
        tuple(record["key"]),
        record["columns"],
    )


def content_origin(mutation: Mutation) -> bytes:
    """The origin of a message whose timestamp the caller brings: publishing it twice is the same message."""
    columns = dict(sorted(mutation.columns.items(), key=lambda item: item[0].encode()))
    neutral = Mutation(
        mutation.stamp[:8] + bytes(8), None, mutation.operation, mutation.dataset, mutation.key, columns
    )
    return sha256(encode(neutral)).digest()[:8]


def decode(data: bytes) -> Mutation:
    """Takes the Avro bytes apart, strictly. Raises Refused; most limits are check_mutation's."""
    try:
        return _decode(data)
    except IndexError:
        raise Refused("the message ends too early") from None
    except UnicodeDecodeError as error:
        raise Refused(f"not UTF-8: {error.reason}") from None


def _decode(data: bytes) -> Mutation:
    stamp, at = _take(data, 0, 16)
    branch, at = read_long(data, at)
    seq: int | None = None
    if branch == 1:
        seq, at = read_long(data, at)
    elif branch != 0:
        raise Refused(f"branch {branch} of seq")
    operation, at = read_long(data, at)
    if not 0 <= operation < len(OPERATIONS):
        raise Refused(f"operation {operation}")
    dataset, at = _read_bytes(data, at)
    key, at = _read_key(data, at)
    columns, at = _read_columns(data, at)
    if at != len(data):
        raise Refused(f"{len(data) - at} bytes behind the message")
    return Mutation(stamp, seq, OPERATIONS[operation], dataset.decode(), key, columns)


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """One zigzag varint: at most 64 bits, in as few bytes as possible."""
    byte = data[at]
    at += 1
    raw = byte & 0x7F
    shift = 7
    while byte & 0x80:
        byte = data[at]
        at += 1
        raw |= (byte & 0x7F) << shift
        shift += 7
        if shift == 70 and byte > 1:
            raise Refused("a varint of more than 64 bits")
    if byte == 0 and shift > 7:
        raise Refused("a varint that is not minimal")
    return (raw >> 1) ^ -(raw & 1), at


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    end = at + size
    if end > len(data):
        raise Refused("the message ends too early")
    return data[at:end], end


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = read_long(data, at)
    if size < 0:
        raise Refused(f"length {size}")
    return _take(data, at, size)


def _read_block(data: bytes, at: int) -> tuple[int, int | None, int]:
    """A block's head: count of items (0: the end), where it must end if it says so, where its items begin."""
    count, at = read_long(data, at)
    if count >= 0:
        return count, None, at
    size, at = read_long(data, at)
    if size < 0:
        raise Refused(f"block size {size}")
    return -count, at + size, at


def _check_block_end(at: int, end: int | None) -> None:
    if end is not None and at != end:
        raise Refused("a block that is not as long as it says")


def _read_key(data: bytes, at: int) -> tuple[tuple[str, ...], int]:
    key: list[str] = []
    while True:
        count, end, at = _read_block(data, at)
        if count == 0:
            return tuple(key), at
        # Here too, so that a message cannot announce more than anybody wants to read.
        if len(key) + count > KEY_PARTS_MAX:
            raise Refused(f"more than {KEY_PARTS_MAX} key texts", "bad-key")
        for _ in range(count):
            text, at = _read_bytes(data, at)
            key.append(text.decode())
        _check_block_end(at, end)


def _read_columns(data: bytes, at: int) -> tuple[dict[str, Value], int]:
    columns: dict[str, Value] = {}
    while True:
        count, end, at = _read_block(data, at)
        if count == 0:
            return columns, at
        if len(columns) + count > COLUMNS_MAX:
            raise Refused(f"more than {COLUMNS_MAX} columns", "too-many-columns")
        for _ in range(count):
            raw, at = _read_bytes(data, at)
            name = raw.decode()
            if name in columns:
                raise Refused(f"column {name!r} twice")
            columns[name], at = _read_value(data, at)
        _check_block_end(at, end)


def _read_value(data: bytes, at: int) -> tuple[Value, int]:
    branch, at = read_long(data, at)
    if branch == 0:
        return None, at
    if branch == 1:
        if data[at] > 1:
            raise Refused(f"boolean {data[at]}")
        return data[at] == 1, at + 1
    if branch == 2:
        return read_long(data, at)
    if branch == 3:
        raw, at = _take(data, at, 8)
        return _DOUBLE.unpack(raw)[0], at
    if branch == 4:
        raw, at = _read_bytes(data, at)
        return raw.decode(), at
    if branch == 5:
        return _read_bytes(data, at)
    raise Refused(f"branch {branch} of a value")
