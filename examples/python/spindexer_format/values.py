"""Values of cells: what each column type admits, as a value and as a key, and their order at equal stamps."""

import re
import struct
from collections.abc import Callable
from datetime import date

from .canonical_json import is_canonical, is_canonical_decimal
from .mutation import Value

TYPES = (
    "boolean", "long", "double", "string", "bytes", "uuid", "decimal", "date", "timestamp", "json",
)  # fmt: skip
KEY_TYPES = frozenset({"boolean", "long", "string", "uuid", "date", "timestamp"})
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1

_LONG = re.compile(r"0|-?[1-9][0-9]{0,18}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{6}Z")

Symbols = frozenset[str] | None


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError:
        return False
    return True


def is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    return is_date(match[1]) and int(match[2]) < 24 and int(match[3]) < 60 and int(match[4]) < 60


def is_long_text(text: str) -> bool:
    return _LONG.fullmatch(text) is not None and LONG_MIN <= int(text) <= LONG_MAX


_TEXT_FORMS: dict[str, Callable[[str], bool]] = {
    "uuid": is_uuid,
    "decimal": is_canonical_decimal,
    "date": is_date,
    "timestamp": is_timestamp,
    "json": is_canonical,
}


def is_value_of(value: Value, column_type: str, symbols: Symbols) -> bool:
    """True where a column of this type admits the value: null, or its branch in canonical form."""
    if value is None:
        return True
    if column_type == "string":
        return isinstance(value, str) and (symbols is None or value in symbols)
    if column_type == "long":
        return isinstance(value, int) and not isinstance(value, bool)
    if column_type == "double":
        return isinstance(value, float)
    if column_type == "boolean":
        return isinstance(value, bool)
    if column_type == "bytes":
        return isinstance(value, bytes)
    return isinstance(value, str) and _TEXT_FORMS[column_type](value)


def is_key_of(text: str, column_type: str, symbols: Symbols) -> bool:
    """True where the text is a key of this type."""
    if column_type == "string":
        return symbols is None or text in symbols
    if column_type == "long":
        return is_long_text(text)
    if column_type == "boolean":
        return text in ("true", "false")
    return column_type in KEY_TYPES and _TEXT_FORMS[column_type](text)


def value_order(value: Value) -> tuple[int, bytes]:
    """What values with equal stamps are compared by: null least, then bytes.

    Values of different branches cannot meet in one column; the rank only keeps them apart.
    """
    if value is None:
        return 0, b""
    if isinstance(value, bool):
        return 1, bytes([value])
    if isinstance(value, int):
        return 2, value.to_bytes(8, "big", signed=True)
    if isinstance(value, float):
        return 3, struct.pack(">d", value)
    if isinstance(value, str):
        return 4, value.encode()
    return 5, value
