"""The verdict on one record of a log: what a node makes of it, from bytes, place and append time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .avro import decode
from .control import parse_control
from .definitions import Catalogue
from .framing import unframe
from .mutation import Mutation, check_mutation
from .policy import Guarded, Standing, check_admin, check_permitted, close, succeed
from .refusal import Refused
from .signature import SIGNATURE_HEADER, Prover
from .stamps import is_too_far_ahead
from .values import is_key_of, is_value_of

DEFINITIONS = -1
VALUE_BYTES_MAX = 900_000
_OUR_PREFIX = "spindexer-"
_MARK = "spindexer-quarantined"
_OUR_HEADERS = {SIGNATURE_HEADER, _MARK}

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
    generation: int = 1
    admins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`mutation` is there for merge and parked; `reason` is a short code, the detail is for people.

    `signer`: who has signed it, in a guarded log. `standing`: what holds behind the record.
    """

    kind: Literal["merge", "parked", "quarantined", "control"]
    reason: str = ""
    detail: str = ""
    mutation: Mutation | None = None
    signer: str | None = None
    standing: Standing = None


def judge(
    record: Record,
    log: Log,
    catalogue: Catalogue,
    standing: Standing = None,
    prover: Prover | None = None,
) -> Verdict:
    """The verdict under the definitions so far. A dataset record, not yet taken, is control.

    `standing` is what holds at the record's place; the prover, of this log, is only asked in guarded logs.
    """
    reason = ""
    try:
        value = _check_envelope(record)
        signer = None if standing is None else _check_signature(record, value, standing, prover)
        if len(value) > VALUE_BYTES_MAX:
            raise Refused(f"a value of {len(value)} bytes", "too-large")
        if value.startswith(b"{"):
            reason = "bad-control"
            kind, behind = _check_control(value, record.partition, log, standing, signer)
            return Verdict("control", detail=kind, signer=signer, standing=behind)
        reason = "bad-avro"
        mutation = decode(unframe(value))
        check_mutation(mutation)
        if record.partition == DEFINITIONS:
            raise Refused("a mutation in the definitions", "mutation-in-definitions")
        if is_too_far_ahead(mutation.stamp, record.append_ms, log.max_clock_ahead_ms):
            raise Refused("the stamp is too far ahead of the append time", "clock-ahead")
        if standing is not None:
            check_permitted(standing, signer, mutation.dataset, mutation.operation, mutation.columns)
        check_against(mutation, catalogue)
    except Parked as refusal:
        return Verdict("parked", refusal.reason, str(refusal), mutation, signer, standing)
    except Refused as refusal:
        return Verdict("quarantined", refusal.reason or reason, str(refusal), standing=standing)
    return Verdict("merge", mutation=mutation, signer=signer, standing=standing)


def define(
    record: Record, log: Log, catalogue: Catalogue, standing: Standing = None, prover: Prover | None = None
) -> Verdict:
    """What becomes of a record of the definitions, and the catalogue moved by it; one that is refused is set aside
    like a quarantined message.
    """
    verdict = judge(record, log, catalogue, standing, prover)
    if verdict.kind == "control" and verdict.detail == "dataset":
        try:
            catalogue.take(parse_control(record.value or b"")["schema"])
        except Refused as refusal:
            reason = refusal.reason or "bad-definition"
            return Verdict("quarantined", reason, str(refusal), standing=verdict.standing)
    return verdict


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
    return record.value


def _check_signature(record: Record, value: bytes, standing: Guarded, prover: Prover | None) -> str | None:
    """Who has signed the record, in a guarded log."""
    if standing.closed:
        raise Refused("it stands behind the close of the log", "closed")
    if prover is None:
        raise TypeError("a record of a guarded log is judged with a prover")
    return prover.signer_of(value, record.headers)


def _check_control(
    value: bytes, partition: int, log: Log, standing: Standing, signer: str | None
) -> tuple[str, Standing]:
    """Its kind, and what holds behind it."""
    record = parse_control(value)
    if record["kind"] == "dataset" and partition != DEFINITIONS:
        raise Refused("a dataset record outside the definitions", "dataset-in-data")
    if record["kind"] == "genesis" and record["logId"] != log.log_id:
        raise Refused("the genesis of another log", "foreign-genesis")
    kind = record["kind"]
    if standing is None or kind == "genesis":
        return kind, standing
    if kind == "policy":
        return kind, succeed(standing, record, signer)
    if kind == "close":
        return kind, close(standing, record, log.generation, signer)
    check_admin(standing, signer)
    return kind, standing


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
