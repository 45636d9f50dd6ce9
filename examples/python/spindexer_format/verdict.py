"""The verdict on one record of a log: what a node makes of it, from bytes, place and append time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .avro import decode
from .control import parse_control
from .definitions import Catalogue
from .framing import unframe
from .mutation import Mutation, check_mutation
from .refusal import Refused
from .stamps import is_too_far_ahead
from .values import is_key_of, is_value_of

DEFINITIONS = -1
VALUE_BYTES_MAX = 900_000
_OUR_PREFIX = "spindexer-"
_MARK = "spindexer-quarantined"
_OUR_HEADERS = {"spindexer-signature", _MARK}

Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the log delivers it; `stamped_by_log` is false where the time is its writer's."""

    partition: int
    offset: int
    append_ms: int
    stamped_by_log: bool
    headers: Sequence[Header]
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Log:
    """What a verdict asks of the log's genesis record."""

    log_id: str
    max_clock_ahead_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`mutation` is there for merge and parked; `reason` is a short code, the detail is for people."""

    kind: Literal["merge", "parked", "quarantined", "control"]
    reason: str = ""
    detail: str = ""
    mutation: Mutation | None = None


def judge(record: Record, log: Log, catalogue: Catalogue) -> Verdict:
    """The verdict under the definitions so far. A dataset record, not yet taken, is control."""
    reason = ""
    try:
        value = _check_envelope(record)
        if value.startswith(b"{"):
            reason = "bad-control"
            return Verdict("control", detail=_check_control(value, record.partition, log))
        reason = "bad-avro"
        mutation = decode(unframe(value))
        check_mutation(mutation)
        if record.partition == DEFINITIONS:
            raise Refused("a mutation in the definitions", "mutation-in-definitions")
        if is_too_far_ahead(mutation.stamp, record.append_ms, log.max_clock_ahead_ms):
            raise Refused("the stamp is too far ahead of the append time", "clock-ahead")
        check_against(mutation, catalogue)
    except Parked as refusal:
        return Verdict("parked", refusal.reason, str(refusal), mutation)
    except Refused as refusal:
        return Verdict("quarantined", refusal.reason or reason, str(refusal))
    return Verdict("merge", mutation=mutation)


def _check_envelope(record: Record) -> bytes:
    if record.value is None:
        raise Refused("no value", "no-value")
    if not record.stamped_by_log:
        raise Refused("the record does not carry the log's own time", "not-log-time")
    seen: set[str] = set()
    for name, _ in record.headers:
        if not name.startswith(_OUR_PREFIX):
            continue
        if name not in _OUR_HEADERS:
            raise Refused(f"header {name} is unknown", "unknown-header")
        if name in seen:
            raise Refused(f"header {name} is there twice", "repeated-header")
        seen.add(name)
    if _MARK in seen:
        raise Refused("marked as quarantined", "marked")
    if len(record.value) > VALUE_BYTES_MAX:
        raise Refused(f"a value of {len(record.value)} bytes", "too-large")
    return record.value


def _check_control(value: bytes, partition: int, log: Log) -> str:
    record = parse_control(value)
    if record["kind"] == "dataset" and partition != DEFINITIONS:
        raise Refused("a dataset record outside the definitions", "dataset-in-data")
    if record["kind"] == "genesis" and record["logId"] != log.log_id:
        raise Refused("the genesis of another log", "foreign-genesis")
    return record["kind"]


class Parked(Refused):
    """Not allowed by the definitions so far."""


def check_against(mutation: Mutation, catalogue: Catalogue) -> None:
    """Raises Parked where the definitions so far do not allow a sound mutation."""
    dataset = catalogue.datasets.get(mutation.dataset)
    if dataset is None:
        raise Parked(f"dataset {mutation.dataset} is not defined", "unknown-dataset")
    if len(mutation.key) != len(dataset.key):
        raise Parked(f"{len(mutation.key)} key texts for {len(dataset.key)} key columns", "wrong-key")
    for text, column in zip(mutation.key, dataset.key, strict=True):
        if not is_key_of(text, column.type, column.symbols):
            reason = "wrong-key" if column.symbols is None else "unknown-symbol"
            raise Parked(f"{text!r} is no key of type {column.type}", reason)
    for name, value in mutation.columns.items():
        column = dataset.columns.get(name)
        if column is None:
            is_key = any(part.name == name for part in dataset.key)
            raise Parked(f"column {name}", "key-as-column" if is_key else "unknown-column")
        if not is_value_of(value, column.type, column.symbols):
            is_symbol = column.symbols is not None and isinstance(value, str)
            reason = "unknown-symbol" if is_symbol else "wrong-value"
            raise Parked(f"column {name} does not admit its value", reason)
