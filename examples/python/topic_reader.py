"""The records of a Kafka topic as a log delivers them, from offset 0 to the ends of now."""

import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from spindexer_format.refusal import Refused
from spindexer_format.verdict import Record

TIMEOUT_S = 30.0
# consume() waits this long for a batch to be full: as long as the ends are missed by at most.
BATCH_WAIT_S = 0.1
BATCH = 10_000


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
