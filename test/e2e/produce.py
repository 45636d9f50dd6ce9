"""Produces messages of stdin, one a line in hex, with librdkafka: brokers, topic and codec are the arguments."""

import sys

from confluent_kafka import Producer

brokers, topic, codec = sys.argv[1:]
failures: list[str] = []
producer = Producer(
    {"bootstrap.servers": brokers, "acks": "all", "compression.type": codec, "linger.ms": 200, "batch.size": 500_000}
)
for line in sys.stdin:
    producer.produce(
        topic,
        bytes.fromhex(line),
        on_delivery=lambda error, _: failures.append(str(error)) if error is not None else None,
    )
producer.flush()
if failures:
    sys.exit(f"{len(failures)} messages failed, the first: {failures[0]}")
