"""What stands before the Avro bytes: Confluent's framing or Avro's single-object marker, and CRC-64-AVRO."""

import json
from typing import Any

from .avro import SCHEMA_TEXT
from .refusal import Refused

_EMPTY = 0xC15D213AA4D7A795
_PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


def parsing_canonical_form(schema: Any, namespace: str = "") -> str:
    """Avro specification, "Transforming into Parsing Canonical Form"."""
    if isinstance(schema, str):
        return json.dumps(schema if schema in _PRIMITIVES else _full_name(schema, namespace))
    if isinstance(schema, list):
        return "[" + ",".join(parsing_canonical_form(branch, namespace) for branch in schema) + "]"
    kind = schema["type"]
    if kind in _PRIMITIVES:
        return json.dumps(kind)
    members: list[str] = []
    if "name" in schema:
        name = _full_name(schema["name"], schema.get("namespace", namespace))
        namespace = name.rpartition(".")[0]
        members.append(f'"name":{json.dumps(name)}')
    members.append(f'"type":{json.dumps(kind)}')
    if "fields" in schema:
        fields = (
            f'{{"name":{json.dumps(f["name"])},"type":{parsing_canonical_form(f["type"], namespace)}}}'
            for f in schema["fields"]
        )
        members.append(f'"fields":[{",".join(fields)}]')
    if "symbols" in schema:
        members.append(f'"symbols":{json.dumps(schema["symbols"], separators=(",", ":"))}')
    for inner in ("items", "values"):
        if inner in schema:
            members.append(f'"{inner}":{parsing_canonical_form(schema[inner], namespace)}')
    if "size" in schema:
        members.append(f'"size":{int(schema["size"])}')
    return "{" + ",".join(members) + "}"


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def crc64_avro(data: bytes) -> int:
    """The 64-bit Rabin fingerprint of the Avro specification, "Schema Fingerprints"."""
    fingerprint = _EMPTY
    for byte in data:
        low = (fingerprint ^ byte) & 0xFF
        for _ in range(8):
            low = (low >> 1) ^ (_EMPTY if low & 1 else 0)
        fingerprint = (fingerprint >> 8) ^ low
    return fingerprint


CANONICAL_SCHEMA = parsing_canonical_form(json.loads(SCHEMA_TEXT))
FINGERPRINT = crc64_avro(CANONICAL_SCHEMA.encode()).to_bytes(8, "little")
SINGLE_OBJECT = b"\xc3\x01" + FINGERPRINT


def frame_single_object(avro: bytes) -> bytes:
    return SINGLE_OBJECT + avro


def frame_confluent(avro: bytes, schema_id: int) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + avro


def unframe(value: bytes) -> bytes:
    """The Avro bytes of a record's value; raises Refused where it is no mutation."""
    if value[:1] == b"\x00":
        if len(value) < 5:
            raise Refused("Confluent framing without its schema id", "unknown-framing")
        return value[5:]
    if value[:2] == b"\xc3\x01":
        if value[2:10] != FINGERPRINT:
            raise Refused("the fingerprint of another schema", "unknown-schema")
        return value[10:]
    raise Refused(f"a value that begins with {value[:2].hex() or 'nothing'}", "unknown-framing")
