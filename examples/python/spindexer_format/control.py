"""Control records: genesis, dataset, policy and close, as canonical JSON with exactly their members."""

import re
from collections.abc import Callable
from typing import Any

from .canonical_json import Number, parse_json, write_json
from .mutation import NAME, OPERATIONS
from .refusal import Refused
from .values import is_uuid

INTEGER_MAX = 2**53 - 1
_INTEGER = re.compile(r"-?[0-9]+")
_SIGNER = re.compile(r"ed25519:[0-9a-f]{64}|eip191:[0-9a-f]{40}")

Check = Callable[[Any], bool]


def integer_of(value: Any) -> int | None:
    """A JSON number without point and exponent as an int; None for everything else."""
    if isinstance(value, Number) and _INTEGER.fullmatch(value.text) and len(value.text) <= 17:
        return int(value.text)
    return None


def _between(least: int, greatest: int = INTEGER_MAX) -> Check:
    def check(value: Any) -> bool:
        number = integer_of(value)
        return number is not None and least <= number <= greatest

    return check


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def _is_signer(value: Any) -> bool:
    return isinstance(value, str) and _SIGNER.fullmatch(value) is not None


def _is_admins(value: Any) -> bool:
    return _list_of(_is_signer)(value) and len(set(value)) == len(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and is_uuid(value)


def _is_names(value: Any) -> bool:
    if value == "*":
        return True
    return _list_of(lambda item: isinstance(item, str) and NAME.fullmatch(item) is not None)(value)


def _is_operations(value: Any) -> bool:
    return _list_of(lambda item: isinstance(item, str) and item in OPERATIONS)(value)


_RULE: dict[str, Check] = {
    "columns": _is_names,
    "datasets": _is_names,
    "operations": _is_operations,
    "signers": lambda value: value == "*" or _list_of(_is_signer)(value),
}


def _is_rule(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != _RULE.keys():
        return False
    return all(check(value[name]) for name, check in _RULE.items())


_MEMBERS: dict[str, dict[str, Check]] = {
    "genesis": {
        "admins": _is_admins,
        "copyId": _is_id,
        "generation": _between(1),
        "logId": _is_id,
        "maxClockAhead": _between(1, 86_400_000),
        "partition": _between(-1),
        "partitions": _between(1, 10_000),
        "rules": _between(1),
    },
    "dataset": {"schema": lambda value: isinstance(value, dict)},
    "policy": {
        "admins": _is_admins,
        "rules": _list_of(_is_rule),
        "unsigned": lambda value: isinstance(value, bool),
        "version": _between(1),
    },
    "close": {"generation": _between(1)},
}


def parse_control(value: bytes) -> dict[str, Any]:
    """A record that begins with `{` to its members; raises Refused unless it is a valid control record.

    Whether the schema of a dataset is one that can be taken is for the definitions to say.
    """
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"not UTF-8: {error.reason}") from None
    record = parse_json(text)
    if write_json(record) != text:
        raise Refused("a control record that is not canonical JSON")
    kind = record.get("kind")
    checks = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if checks is None:
        raise Refused(f"unknown kind {kind!r}")
    if record.keys() != checks.keys() | {"kind"}:
        raise Refused(f"members of {kind}: {', '.join(sorted(record))}")
    for name, check in checks.items():
        if not check(record[name]):
            raise Refused(f"{name} of {kind}")
    return record
