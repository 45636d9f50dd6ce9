"""What people type, brought into canonical form: JSON of files and HTTP to values of a column."""

import math
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from .canonical_json import Number, canonical_decimal, parse_json, write_json, write_string
from .mutation import Value
from .refusal import Refused
from .values import LONG_MAX, LONG_MIN, Symbols, is_date, is_uuid

_DIGITS = re.compile(r"-?[0-9]+")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?)"
)


def value_of_typed(text: str, column_type: str, symbols: Symbols = None) -> Value:
    """A JSON text as typed for a column of this type; raises Refused with what is wrong with it."""
    typed = parse_json(text)
    return None if typed is None else _READERS[column_type](typed, symbols)


def _boolean(typed: Any, _: Symbols) -> bool:
    if not isinstance(typed, bool):
        raise Refused("not true or false")
    return typed


def _long(typed: Any, _: Symbols) -> int:
    text = typed.text if isinstance(typed, Number) else typed
    if not isinstance(text, str) or not _DIGITS.fullmatch(text):
        raise Refused("not an integer in digits")
    digits = text.lstrip("-").lstrip("0")
    if len(digits) > 19 or not LONG_MIN <= int(text) <= LONG_MAX:
        raise Refused("not within 64 bits")
    return int(text)


def _double(typed: Any, _: Symbols) -> float:
    if not isinstance(typed, Number):
        raise Refused("not a number")
    value = float(typed.text)
    if not math.isfinite(value):
        raise Refused("greater than a double can be")
    return value + 0.0  # -0 + 0 is 0


def _string(typed: Any, symbols: Symbols) -> str:
    text = _text(typed)
    write_string(text)  # refuses NUL and lone surrogates
    if symbols is not None and text not in symbols:
        raise Refused("none of the symbols")
    return text


def _bytes(typed: Any, _: Symbols) -> bytes:
    try:
        return b64decode(_text(typed), validate=True)
    except (Base64Error, ValueError):
        raise Refused("not base64") from None


def _uuid(typed: Any, _: Symbols) -> str:
    text = _text(typed).lower()
    if not is_uuid(text):
        raise Refused("not a uuid of 36 characters")
    return text


def _decimal(typed: Any, _: Symbols) -> str:
    return canonical_decimal(typed.text if isinstance(typed, Number) else _text(typed))


def _date(typed: Any, _: Symbols) -> str:
    text = _text(typed)
    if not is_date(text):
        raise Refused("not a day as YYYY-MM-DD")
    return text


def _timestamp(typed: Any, _: Symbols) -> str:
    match = _MOMENT.fullmatch(_text(typed))
    if match is None or not is_date(match[1]):
        raise Refused("not a moment with a zone, as 2022-10-20T16:35:19.896Z")
    hours, minutes, seconds = int(match[2]), int(match[3]), int(match[4])
    fraction = (match[5] or "").ljust(9, "0")
    if hours > 23 or minutes > 59 or seconds > 59:
        raise Refused("no time of a day")
    if fraction[6:] != "000":
        raise Refused("finer than microseconds")
    local = datetime.fromisoformat(match[1]).replace(hour=hours, minute=minutes, second=seconds)
    try:
        moment = local - _zone(match)
    except OverflowError:
        raise Refused("not within the years 0001 to 9999 in UTC") from None
    return f"{moment.isoformat(timespec='seconds')}.{fraction[:6]}Z"


def _zone(match: re.Match[str]) -> timedelta:
    hours, minutes, seconds = (int(match[i] or "0") for i in (7, 8, 9))
    if hours > 15 or minutes > 59 or seconds > 59:
        raise Refused("no zone is that far from UTC")
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -offset if match[6] == "-" else offset


def _json(typed: Any, _: Symbols) -> str:
    return write_json(typed)


def _text(typed: Any) -> str:
    if not isinstance(typed, str):
        raise Refused("not a string")
    return typed


_READERS: dict[str, Callable[[Any, Symbols], Value]] = {
    "boolean": _boolean,
    "long": _long,
    "double": _double,
    "string": _string,
    "bytes": _bytes,
    "uuid": _uuid,
    "decimal": _decimal,
    "date": _date,
    "timestamp": _timestamp,
    "json": _json,
}
