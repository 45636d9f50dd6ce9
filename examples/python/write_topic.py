"""A writer in another language: mutations from JSON lines, or made up, into a Kafka topic, as Avro, signed or not."""

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Producer
from confluent_kafka import Message as Delivered

from messages import LINE, Message, Signer, make_messages
from spindexer_format.avro import SCHEMA_TEXT
from spindexer_format.genesis import read_genesis
from spindexer_format.mutation import Mutation
from spindexer_format.refusal import Refused
from spindexer_format.signature import SIGNATURE_HEADER
from spindexer_format.signing_key import read_key
from spindexer_format.stamps import is_too_far_ahead
from spindexer_format.verdict import DEFINITIONS
from topic_reader import Reader

MAX_CLOCK_AHEAD_MS = 60_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, epilog=LINE)
    parser.add_argument("--brokers", required=True, help="host:port[,host:port]")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--registry", help="URL of a schema registry: Confluent framing, else single-object")
    parser.add_argument("--count", type=int, help="make up so many upserts instead of reading stdin")
    parser.add_argument(
        "--dataset", default="tracks", help="of the made up ones: one key column of type string"
    )
    parser.add_argument("--column", default="plays", help="of the made up ones: a column of type long")
    parser.add_argument(
        "--key", type=Path, help="a file with the private key that signs: PEM, or 64 hex digits (a wallet's)"
    )
    parser.add_argument(
        "--together", type=int, default=512, help="how many messages are signed together (1: each alone)"
    )
    arguments = parser.parse_args()
    try:
        schema_id = register(arguments.registry, arguments.topic) if arguments.registry else None
        made_up = arguments.count is not None
        lines = (
            make_up(arguments) if made_up else (json.loads(line) for line in sys.stdin.buffer if line.strip())
        )
        messages = make_messages(lines, schema_id, signer_of(arguments))
        sent = write(arguments.brokers, arguments.topic, messages)
    except (Refused, OSError, ValueError, KeyError, KafkaException) as error:
        print(f"write_topic: {error}", file=sys.stderr)
        return 1
    print(f"{sent} messages are durable", file=sys.stderr)
    return 0


def make_up(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for number in range(arguments.count):
        yield {
            "dataset": arguments.dataset,
            "operation": "upsert",
            "key": [f"t{number}"],
            "columns": {arguments.column: {"long": number}},
        }


def register(registry: str, topic: str) -> int:
    """Registers the schema under `<topic>-value`; gives the id that stands behind the magic byte."""
    request = urllib.request.Request(
        f"{registry.rstrip('/')}/subjects/{topic}-value/versions",
        data=json.dumps({"schema": SCHEMA_TEXT, "schemaType": "AVRO"}).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["id"]


def signer_of(arguments: argparse.Namespace) -> Signer | None:
    """A signature names the log, so the log's id is read from its genesis."""
    if arguments.key is None:
        return None
    key = read_key(arguments.key.read_text())
    definitions = Reader(arguments.brokers, f"{arguments.topic}.definitions")
    try:
        genesis = next(definitions.records(as_partition=DEFINITIONS))
    finally:
        definitions.close()
    return Signer(key, read_genesis(genesis).log_id, arguments.together)


def write(brokers: str, topic: str, messages: Iterable[Message]) -> int:
    """Sends all; gives their number once every one is durable and will not be refused for its clock."""
    producer = Producer({"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True})
    failures: list[str] = []
    sent = 0
    for sent, message in enumerate(messages, start=1):  # noqa: B007
        send(producer, topic, message, acknowledge(message.mutation, failures))
    producer.flush()
    if failures:
        raise Refused(f"{len(failures)} of {sent} messages failed, the first: {failures[0]}")
    return sent


def send(producer: Producer, topic: str, message: Message, on_delivery: Any) -> None:
    mutation = message.mutation
    key = json.dumps([mutation.dataset, *mutation.key], ensure_ascii=False, separators=(",", ":"))
    headers = [] if message.signature is None else [(SIGNATURE_HEADER, message.signature)]
    while True:
        try:
            producer.produce(topic, message.value, key.encode(), headers=headers, on_delivery=on_delivery)
            producer.poll(0)
            return
        except BufferError:
            producer.poll(0.1)  # the queue is full: wait for acknowledgements


def acknowledge(mutation: Mutation, failures: list[str]) -> Any:
    """Compares the stamp with the append time: what the nodes will refuse is a failure, never a success."""

    def on_delivery(error: Any, message: Delivered) -> None:
        if error is not None:
            failures.append(str(error))
        elif is_too_far_ahead(mutation.stamp, message.timestamp()[1], MAX_CLOCK_AHEAD_MS):
            failures.append(f"the stamp of {mutation.key} is ahead of the log's clock; set this clock right")

    return on_delivery


if __name__ == "__main__":
    sys.exit(main())
