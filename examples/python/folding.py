"""Folds the records of a whole log in memory, whatever they were read from."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from spindexer_format.definitions import Catalogue
from spindexer_format.dump import dump_cells, fingerprint
from spindexer_format.genesis import read_genesis
from spindexer_format.merge import State, merge
from spindexer_format.policy import Standing, initial_standing
from spindexer_format.refusal import Refused
from spindexer_format.signature import Prover
from spindexer_format.verdict import Log, Record, Verdict, define, judge

Note = Callable[[Record, Verdict], None]


def fold_to_stdout(definitions: Iterable[Record], data: Iterable[Record], verdicts: Path | None) -> None:
    """Prints the cells on stdout, the counts and the fingerprint on stderr; `verdicts` is a file that says of each
    record what became of it and why.
    """
    if verdicts is None:
        _fold(definitions, data, _ignore)
    else:
        with verdicts.open("w", encoding="utf-8", newline="\n") as file:
            _fold(definitions, data, lambda *judged: _write_verdict(file, *judged))


def _fold(definitions: Iterable[Record], data: Iterable[Record], note: Note) -> None:
    """All mutations are judged under the definitions as they are now: what a node judged under earlier ones it has
    judged again since, so the outcome is the same. `note` is told of every record.
    """
    log, catalogue, refused = _read_definitions(definitions, note)
    state: State = {}
    authors: dict[bytes, set[str | None]] = {}
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    prover = Prover(log.log_id)
    # By partition: each has policies of its own, in its own order.
    standings: dict[int, Standing] = {}
    for record in data:
        if record.offset == 0:
            _check_genesis(record, log)
            standings[record.partition] = initial_standing(log.admins)
        verdict = judge(record, log, catalogue, standings[record.partition], prover)
        standings[record.partition] = verdict.standing
        note(record, verdict)
        if verdict.kind == "merge" and verdict.mutation is not None:
            merge(state, verdict.mutation)
            if log.admins:
                authors.setdefault(verdict.mutation.stamp[8:], set()).add(verdict.signer)
        elif verdict.kind != "control":
            reasons[f"{verdict.kind}: {verdict.reason} ({verdict.detail})"] += 1
        counts[verdict.kind] += 1
    lines = list(dump_cells(state, catalogue, authors))
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    for line in lines:
        sys.stdout.write(line + "\n")
    _summarize(counts, refused, reasons, fingerprint(lines))


def _ignore(_record: Record, _verdict: Verdict) -> None:
    pass


def _write_verdict(file: TextIO, record: Record, verdict: Verdict) -> None:
    line = {
        "partition": record.partition,
        "offset": record.offset,
        "verdict": verdict.kind,
        "reason": verdict.reason,
    }
    file.write(json.dumps(line) + "\n")


def _summarize(counts: Counter[str], refused: int, reasons: Counter[str], state: str) -> None:
    consumed = counts["merge"] + counts["parked"] + counts["quarantined"]
    print(f"consumed {consumed}", file=sys.stderr)
    print(f"merged {counts['merge']}", file=sys.stderr)
    print(f"parked {counts['parked']}", file=sys.stderr)
    print(f"quarantined {counts['quarantined']}", file=sys.stderr)
    print(f"controls {counts['control']}", file=sys.stderr)
    print(f"definitions set aside {refused}", file=sys.stderr)
    print(f"fingerprint {state}", file=sys.stderr)
    for reason, count in reasons.most_common(10):
        print(f"  {count} {reason}"[:200], file=sys.stderr)


def _read_definitions(records: Iterable[Record], note: Note) -> tuple[Log, Catalogue, int]:
    """The log as its genesis names it, the definitions folded, and how many of them were set aside."""
    log: Log | None = None
    catalogue = Catalogue()
    refused = 0
    for record in records:
        if log is None:
            log = read_genesis(record)
            standing, prover = initial_standing(log.admins), Prover(log.log_id)
        verdict = define(record, log, catalogue, standing, prover)
        standing = verdict.standing
        note(record, verdict)
        if verdict.kind != "control":
            refused += 1
    if log is None:
        raise Refused("the definitions are empty: no genesis record at offset 0")
    return log, catalogue, refused


def _check_genesis(record: Record, log: Log) -> None:
    if read_genesis(record) != log:
        raise Refused(f"partition {record.partition}: the genesis of another log than the definitions'")
