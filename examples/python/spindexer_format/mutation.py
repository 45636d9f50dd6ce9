"""A mutation, its limits, and the names that datasets and columns may have."""

import math
import re
from dataclasses import dataclass

from .refusal import Refused
from .stamps import check_stamp

OPERATIONS = ("upsert", "update", "delete")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,54}")
SEQ_MAX = 2**53 - 1
COLUMNS_MAX = 200
KEY_PARTS_MAX = 16
KEY_BYTES_MAX = 1024

# A value of a cell: the Python type says the Avro branch (bool, int for long, float for double, str, bytes).
Value = None | bool | int | float | str | bytes


@dataclass(slots=True)
class Mutation:
    """One message; `columns` holds only what the message names, where None is a value."""

    stamp: bytes
    seq: int | None
    operation: str
    dataset: str
    key: tuple[str, ...]
    columns: dict[str, Value]


def check_mutation(mutation: Mutation) -> None:
    """Raises Refused for what can never be applied, whatever the definitions say (the clock rule apart)."""
    check_stamp(mutation.stamp)
    if mutation.seq is not None and not 0 <= mutation.seq <= SEQ_MAX:
        raise Refused(f"seq {mutation.seq} is not between 0 and 2^53 - 1", "bad-seq")
    if mutation.operation not in OPERATIONS:
        raise Refused(f"unknown operation {mutation.operation!r}")
    if not NAME.fullmatch(mutation.dataset):
        raise Refused(f"dataset name {mutation.dataset!r}", "bad-name")
    _check_key(mutation.key)
    columns = mutation.columns
    if len(columns) > COLUMNS_MAX:
        raise Refused(f"{len(columns)} columns", "too-many-columns")
    if mutation.operation == "update" and not columns:
        raise Refused("an update without columns", "update-without-columns")
    if mutation.operation == "delete" and columns:
        raise Refused("a delete with columns", "delete-with-columns")
    for name, value in columns.items():
        if not NAME.fullmatch(name):
            raise Refused(f"column name {name!r}", "bad-name")
        _check_value(name, value)


def _check_key(key: tuple[str, ...]) -> None:
    if not 1 <= len(key) <= KEY_PARTS_MAX:
        raise Refused(f"{len(key)} key texts", "bad-key")
    size = 0
    for text in key:
        if "\0" in text:
            raise Refused("NUL in a key", "bad-key")
        size += len(text.encode())
    if size > KEY_BYTES_MAX:
        raise Refused(f"key of {size} bytes", "bad-key")


def _check_value(name: str, value: Value) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Refused(f"{value} in column {name}", "bad-double")
        if value == 0 and math.copysign(1, value) < 0:
            raise Refused(f"-0 in column {name}", "bad-double")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Refused(f"{value} in column {name} is not within 64 bits")
    elif isinstance(value, str) and "\0" in value:
        raise Refused(f"NUL in column {name}", "nul")
