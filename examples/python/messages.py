"""Messages of a writer, whatever they are sent with: stamped, framed, and signed alone or together."""

import os
import time
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from spindexer_format.avro import content_origin, encode
from spindexer_format.framing import frame_confluent, frame_single_object
from spindexer_format.mutation import Mutation, Value, check_mutation
from spindexer_format.refusal import Refused
from spindexer_format.signing_key import SigningKey, sign_together
from spindexer_format.stamps import create_stamp

LINE = (
    'A line of stdin: {"timestamp": "nanoseconds" (optional), "dataset": "tracks", "operation": "upsert", '
    '"key": ["t1"], "columns": {"plays": {"long": "7"}, "note": {"null": null}}}; '
    "long as a number or digits, bytes as base64."
)


@dataclass(frozen=True, slots=True)
class Message:
    """`value` is what the log gets, `signature` the content of its signature header."""

    mutation: Mutation
    value: bytes
    signature: bytes | None


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs for which log, and how many messages at a time."""

    key: SigningKey
    log_id: str
    together: int


def make_messages(
    lines: Iterable[dict[str, Any]], schema_id: int | None, signer: Signer | None
) -> Iterator[Message]:
    """Single-object framing where there is no schema id."""
    session = Session()
    together = 1 if signer is None else signer.together
    waiting: list[tuple[Mutation, bytes]] = []
    for line in lines:
        mutation = session.mutation_of(line)
        check_mutation(mutation)
        avro = encode(mutation)
        value = frame_single_object(avro) if schema_id is None else frame_confluent(avro, schema_id)
        waiting.append((mutation, value))
        if len(waiting) == together:
            yield from _signed(waiting, signer)
            waiting = []
    if waiting:
        yield from _signed(waiting, signer)


def _signed(messages: list[tuple[Mutation, bytes]], signer: Signer | None) -> Iterator[Message]:
    if signer is None:
        yield from (Message(mutation, value, None) for mutation, value in messages)
        return
    signatures = sign_together(signer.key, signer.log_id, [value for _, value in messages])
    for (mutation, value), signature in zip(messages, signatures, strict=True):
        yield Message(mutation, value, signature)


class Session:
    """Stamps messages: a random origin, times that only grow, numbers from 0."""

    def __init__(self) -> None:
        self._origin = os.urandom(8)
        self._last_ns = 0
        self._seq = 0

    def mutation_of(self, line: dict[str, Any]) -> Mutation:
        """A line to a mutation. With a timestamp of its own, the same line is always the same message."""
        columns = {name: value_of(column) for name, column in line.get("columns", {}).items()}
        mutation = Mutation(b"", None, line["operation"], line["dataset"], tuple(line["key"]), columns)
        if "timestamp" in line:
            mutation.stamp = create_stamp(int(line["timestamp"]), bytes(8))
            mutation.stamp = mutation.stamp[:8] + content_origin(mutation)
            return mutation
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        mutation.stamp = create_stamp(self._last_ns, self._origin)
        mutation.seq = self._seq
        self._seq += 1
        return mutation


def value_of(column: dict[str, Any]) -> Value:
    """`{"long": "7"}` to 7: one member, named like the branch. Values are to be in canonical form already."""
    ((branch, value),) = column.items()
    if branch == "long":
        return int(str(value))
    if branch == "double":
        return float(value) + 0.0  # -0 + 0 is 0
    if branch == "bytes":
        return b64decode(value, validate=True)
    if not isinstance(value, {"null": type(None), "boolean": bool, "string": str}[branch]):
        raise Refused(f"{value!r} is no {branch}")
    return value
