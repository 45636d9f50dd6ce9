"""Folds a whole Kafka topic in memory: the cells on stdout, the counts and the fingerprint on stderr.

With --verdicts a file says of each record what became of it and why.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from spindexer_format.control import integer_of, parse_control
from spindexer_format.definitions import Catalogue
from spindexer_format.dump import dump_cells, fingerprint
from spindexer_format.merge import State, merge
from spindexer_format.refusal import Refused
from spindexer_format.verdict import DEFINITIONS, Log, Record, Verdict, judge

TIMEOUT_S = 30.0
# consume() waits this long for a batch to be full: as long as the ends are missed by at most.
BATCH_WAIT_S = 0.1
BATCH = 10_000
RULES = 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", required=True, help="host:port[,host:port]")
    parser.add_argument("--topic", required=True)
    parser.add_argument(
        "--verdicts",
        type=Path,
        help="a file to write: a JSON object a record, with partition (-1: the definitions), offset, verdict, reason",
    )
    arguments = parser.parse_args()
    try:
        if arguments.verdicts is None:
            fold(arguments.brokers, arguments.topic)
        else:
            with arguments.verdicts.open("w", encoding="utf-8", newline="\n") as file:
                fold(arguments.brokers, arguments.topic, lambda *judged: _write_verdict(file, *judged))
    except (Refused, KafkaException) as error:
        print(f"fold_topic: {error}", file=sys.stderr)
        return 1
    return 0


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


def fold(brokers: str, topic: str, note: Callable[[Record, Verdict], None] = _ignore) -> None:
    """Reads up to the ends as they are now. All mutations are judged under the definitions as they are now:
    what a node judged under earlier ones it has judged again since, so the outcome is the same. `note` is told of
    every record.
    """
    definitions = Reader(brokers, f"{topic}.definitions")
    data = Reader(brokers, topic)
    try:
        log, catalogue, refused = _read_definitions(definitions, note)
        state: State = {}
        counts: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for record in data.records():
            if record.offset == 0:
                _check_genesis(record, log)
            verdict = judge(record, log, catalogue)
            note(record, verdict)
            if verdict.kind == "merge" and verdict.mutation is not None:
                merge(state, verdict.mutation)
            elif verdict.kind != "control":
                reasons[f"{verdict.kind}: {verdict.reason} ({verdict.detail})"] += 1
            counts[verdict.kind] += 1
    finally:
        definitions.close()
        data.close()
    lines = list(dump_cells(state, catalogue))
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    for line in lines:
        sys.stdout.write(line + "\n")
    _summarize(counts, refused, reasons, fingerprint(lines))


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


def _read_definitions(
    reader: "Reader", note: Callable[[Record, Verdict], None]
) -> tuple[Log, Catalogue, int]:
    """The log as its genesis names it, the definitions folded, and how many of them were set aside."""
    log: Log | None = None
    catalogue = Catalogue()
    refused = 0
    for record in reader.records(as_partition=DEFINITIONS):
        if log is None:
            log = _read_genesis(record)
        verdict = _define(record, log, catalogue)
        note(record, verdict)
        if verdict.kind != "control":
            refused += 1
    if log is None:
        raise Refused(f"{reader.topic} is empty: no genesis record at offset 0")
    return log, catalogue, refused


def _define(record: Record, log: Log, catalogue: Catalogue) -> Verdict:
    """What becomes of a record of the definitions; one that is refused is set aside like a quarantined message."""
    verdict = judge(record, log, catalogue)
    if verdict.kind != "control":
        return verdict
    control = parse_control(record.value or b"")
    if control["kind"] == "dataset":
        try:
            catalogue.take(control["schema"])
        except Refused as refusal:
            return Verdict("quarantined", refusal.reason or "bad-definition", str(refusal))
    return verdict


def _read_genesis(record: Record) -> Log:
    where = f"partition {record.partition}, offset {record.offset}"
    if record.offset != 0 or not record.stamped_by_log:
        raise Refused(f"{where}: no genesis record at offset 0 with the log's own time")
    try:
        genesis = parse_control(record.value or b"")
    except Refused as refusal:
        raise Refused(f"{where}: no genesis record ({refusal})") from None
    if genesis["kind"] != "genesis":
        raise Refused(f"{where}: no genesis record but {genesis['kind']}")
    if integer_of(genesis["partition"]) != record.partition:
        raise Refused(f"{where}: the genesis record of another partition")
    if integer_of(genesis["rules"]) != RULES:
        raise Refused(f"{where}: this program knows the rules {RULES}, not those of this log")
    if genesis["admins"]:
        raise Refused(f"{where}: this program does not know logs with admins")
    return Log(genesis["logId"], integer_of(genesis["maxClockAhead"]) or 0)


def _check_genesis(record: Record, log: Log) -> None:
    if _read_genesis(record) != log:
        raise Refused(f"partition {record.partition}: the genesis of another log than the definitions'")


class Reader:
    """All records of a topic below the ends that it has when reading starts."""

    def __init__(self, brokers: str, topic: str) -> None:
        self.topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                # A group is asked for by the client; nothing is ever committed to it.
                "group.id": "spindexer-fold-topic",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_uncommitted",
                "enable.partition.eof": True,
                "fetch.message.max.bytes": 8 << 20,
            }
        )

    def records(self, as_partition: int | None = None) -> Iterator[Record]:
        """The records of all partitions, each partition's in order; `as_partition` renames the only one."""
        ends = self._ends()
        self._consumer.assign([TopicPartition(self.topic, p, OFFSET_BEGINNING) for p in ends])
        progress = time.monotonic()
        while ends:
            messages = self._consumer.consume(BATCH, BATCH_WAIT_S)
            if messages:
                progress = time.monotonic()
            elif time.monotonic() > progress + TIMEOUT_S:
                raise Refused(f"{self.topic}: nothing came for {TIMEOUT_S:.0f} s before the ends {ends}")
            for message in messages:
                partition: Any = message.partition()
                offset: Any = message.offset()
                if _is_at_end(message):
                    ends.pop(partition, None)
                    continue
                end = ends.get(partition)
                if end is None:
                    continue
                if offset < end:
                    yield _record_of(message, partition if as_partition is None else as_partition)
                # The last offsets may belong to no record: then the end itself, or a later record, tells.
                if offset >= end - 1:
                    del ends[partition]

    def _ends(self) -> dict[int, int]:
        """By partition, the offset behind its last record; raises Refused when the first is not 0."""
        topic = self._consumer.list_topics(self.topic, TIMEOUT_S).topics[self.topic]
        if topic.error is not None:
            raise Refused(f"topic {self.topic}: {topic.error.str()}")
        ends: dict[int, int] = {}
        for partition in sorted(topic.partitions):
            first, end = self._consumer.get_watermark_offsets(
                TopicPartition(self.topic, partition), TIMEOUT_S
            )
            if first != 0 or end == 0:
                raise Refused(
                    f"{self.topic}, partition {partition}: offsets {first} to {end} do not begin at 0"
                )
            ends[partition] = end
        return ends

    def close(self) -> None:
        self._consumer.close()


def _is_at_end(message: Message) -> bool:
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:
        return True
    raise KafkaException(error)


def _record_of(message: Message, partition: int) -> Record:
    kind, time_ms = message.timestamp()
    offset: Any = message.offset()
    headers: Any = message.headers() or ()
    return Record(partition, offset, time_ms, kind == TIMESTAMP_LOG_APPEND_TIME, headers, message.value())


if __name__ == "__main__":
    sys.exit(main())
