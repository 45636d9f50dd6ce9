"""Canonical JSON: the one text that stands for a JSON value, in columns of type json and control records."""

import json
import re
from dataclasses import dataclass
from typing import Any

from .refusal import Refused

DEPTH_MAX = 64
DIGITS_MAX = 1000
CANONICAL_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_NUMBER = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]+))?")
_SHORT_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(0x20)} | _SHORT_ESCAPES
_TO_ESCAPE = re.compile(r'[\x00-\x1f"\\]')


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as its text: digits are never passed through a double."""

    text: str


def parse_json(text: str) -> Any:
    """Any JSON text; numbers become Number. Raises Refused where it is not JSON or has a name twice."""
    try:
        return json.loads(
            text,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_of,
        )
    except json.JSONDecodeError as error:
        raise Refused(f"not JSON: {error}") from None
    except RecursionError:
        raise Refused(f"nested deeper than {DEPTH_MAX}") from None


def _refuse_constant(text: str) -> Any:
    raise Refused(f"not JSON: {text}")


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused("a name twice in an object")
    return members


def canonicalize(text: str) -> str:
    """Any JSON text to the canonical text of its value."""
    return write_json(parse_json(text))


def is_canonical(text: str) -> bool:
    try:
        return canonicalize(text) == text
    except Refused:
        return False


def write_json(value: Any, depth: int = 0) -> str:
    """The canonical text of what parse_json gives; ints may stand in it too."""
    if isinstance(value, str):
        return write_string(value)
    if isinstance(value, Number):
        return canonical_decimal(value.text)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if depth == DEPTH_MAX:
        raise Refused(f"nested deeper than {DEPTH_MAX}")
    if isinstance(value, list):
        return "[" + ",".join(write_json(item, depth + 1) for item in value) + "]"
    # Code points sort as UTF-8 bytes do.
    members = (f"{write_string(name)}:{write_json(value[name], depth + 1)}" for name in sorted(value))
    return "{" + ",".join(members) + "}"


def write_string(text: str) -> str:
    """A string literal; raises Refused for what no canonical text may hold."""
    if "\0" in text:
        raise Refused("NUL in a string")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("a lone surrogate in a string") from None
    return '"' + _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text) + '"'


def canonical_decimal(text: str) -> str:
    """A decimal number as people write it (`-1.50`, `2e3`) to its canonical text."""
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise Refused(f"not a number: {text[:40]!r}")
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", match[4] or "0"
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    # The point stands behind this many of the digits that are left.
    point = len(digits) - len(fraction) + _bounded(exponent)
    digits = digits.rstrip("0")
    if point > DIGITS_MAX or len(digits) - point > DIGITS_MAX:
        raise Refused(f"a number of more than {DIGITS_MAX} digits")
    if point <= 0:
        whole, fraction = "0", "0" * -point + digits
    else:
        whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    if len(whole) + len(fraction) > DIGITS_MAX:
        raise Refused(f"a number of more than {DIGITS_MAX} digits")
    return sign + whole + ("." + fraction if fraction else "")


def _bounded(exponent: str) -> int:
    """An exponent as an int; one with endless digits is as good as a very large one."""
    sign, digits = exponent[0] == "-", exponent.lstrip("+-").lstrip("0")
    size = 10**12 if len(digits) > 12 else int(digits or "0")
    return -size if sign else size


def is_canonical_decimal(text: str) -> bool:
    if text == "-0" or not CANONICAL_DECIMAL.fullmatch(text):
        return False
    return len(text) - text.count("-") - text.count(".") <= DIGITS_MAX
