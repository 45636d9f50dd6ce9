"""The merge: last write wins, cell by cell, whatever the order in which mutations come."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .mutation import Mutation, Value
from .values import value_order

Key = tuple[str, ...]


@dataclass(slots=True)
class Row:
    """`alive`: the greatest stamp of an upsert; `dead`: of a delete; `cells`: stamp and value by column."""

    alive: bytes | None = None
    dead: bytes | None = None
    cells: dict[str, tuple[bytes, Value]] = field(default_factory=dict)

    def exists(self) -> bool:
        return self.alive is not None and (self.dead is None or self.alive > self.dead)

    def live_cells(self) -> Iterable[tuple[str, bytes, Value]]:
        """The cells that are part of the state: those with stamps greater than the tombstone."""
        for column in sorted(self.cells):
            stamp, value = self.cells[column]
            if self.dead is None or stamp > self.dead:
                yield column, stamp, value


# By dataset, the rows by key.
State = dict[str, dict[Key, Row]]


def merge(state: State, mutation: Mutation) -> None:
    """Merges one mutation into the state, in place."""
    row = state.setdefault(mutation.dataset, {}).setdefault(mutation.key, Row())
    stamp = mutation.stamp
    if mutation.operation == "delete":
        if row.dead is None or stamp > row.dead:
            row.dead = stamp
        return
    if mutation.operation == "upsert" and (row.alive is None or stamp > row.alive):
        row.alive = stamp
    for column, value in mutation.columns.items():
        held = row.cells.get(column)
        if held is None or stamp > held[0]:
            row.cells[column] = stamp, value
        elif stamp == held[0] and value_order(value) > value_order(held[1]):
            row.cells[column] = stamp, value
