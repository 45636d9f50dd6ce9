"""Reading vectors, and a list of what differs from them."""

import struct
from collections.abc import Callable, Iterable
from typing import Any

from spindexer_format.mutation import Value
from spindexer_format.refusal import Refused
from spindexer_format.values import Symbols


def value_of_vector(branch: str, value: Any) -> Value:
    """A vector's branch and value (long as digits, double as 16 hex digits of its bits, bytes as hex)."""
    if branch == "null":
        return None
    if branch == "long":
        return int(value)
    if branch == "double":
        return struct.unpack(">d", bytes.fromhex(value))[0]
    if branch == "bytes":
        return bytes.fromhex(value)
    if not isinstance(value, {"boolean": bool, "string": str}[branch]):
        raise TypeError(f"a vector of branch {branch} holds {value!r}")
    return value


def bits(value: Value) -> Any:
    """A value in which doubles compare by their bits, and 1, 1.0 and true are three things."""
    return type(value).__name__, struct.pack(">d", value) if isinstance(value, float) else value


def symbols_of(vector: dict[str, Any]) -> Symbols:
    symbols = vector.get("symbols")
    return None if symbols is None else frozenset(symbols)


class Tally:
    """Counts checks and keeps a line for each that failed."""

    def __init__(self) -> None:
        self.count = 0
        self.differences: list[str] = []

    def equal(self, what: str, ours: Any, theirs: Any) -> None:
        self.count += 1
        if ours != theirs:
            self.differences.append(f"{what}: computed {ours!r}, the vector says {theirs!r}"[:1500])

    def refuses(self, what: str, action: Callable[[], Any]) -> None:
        self.count += 1
        try:
            result = action()
        except Refused:
            return
        self.differences.append(f"{what}: gave {result!r}, the vector says refused"[:1500])

    def agrees(self, what: str, action: Callable[[], Any], theirs: Any) -> None:
        try:
            ours = action()
        except Refused as refusal:
            ours = f"refused: {refusal}"
        self.equal(what, ours, theirs)

    def ordered(self, what: str, pairs: Iterable[Any], rank: Callable[[Any], Any]) -> None:
        for smaller, greater in pairs:
            self.equal(f"{what} {smaller!r} < {greater!r}", rank(smaller) < rank(greater), True)

    def result(self) -> tuple[int, list[str]]:
        return self.count, self.differences
