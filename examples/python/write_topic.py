"""A writer in another language: mutations from JSON lines, or made up, into a Kafka topic, as Avro."""

import argparse
import json
import os
import sys
import time
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Message, Producer

from spindexer_format.avro import SCHEMA_TEXT, content_origin, encode
from spindexer_format.framing import frame_confluent, frame_single_object
from spindexer_format.mutation import Mutation, Value, check_mutation
from spindexer_format.refusal import Refused
from spindexer_format.stamps import create_stamp, is_too_far_ahead

MAX_CLOCK_AHEAD_MS = 60_000


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='A line of stdin: {"timestamp": "nanoseconds" (optional), "dataset": "tracks", "operation": '
        '"upsert", "key": ["t1"], "columns": {"plays": {"long": "7"}, "note": {"null": null}}}; '
        "long as a number or digits, bytes as base64.",
    )
    parser.add_argument("--brokers", required=True, help="host:port[,host:port]")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--registry", help="URL of a schema registry: Confluent framing, else single-object")
    parser.add_argument("--count", type=int, help="make up so many upserts instead of reading stdin")
    parser.add_argument(
        "--dataset", default="tracks", help="of the made up ones: one key column of type string"
    )
    parser.add_argument("--column", default="plays", help="of the made up ones: a column of type long")
    arguments = parser.parse_args()
    try:
        schema_id = register(arguments.registry, arguments.topic) if arguments.registry else None
        made_up = arguments.count is not None
        lines = (
            make_up(arguments) if made_up else (json.loads(line) for line in sys.stdin.buffer if line.strip())
        )
        sent = write(arguments.brokers, arguments.topic, schema_id, lines)
    except (Refused, OSError, ValueError, KeyError) as error:
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


def write(brokers: str, topic: str, schema_id: int | None, lines: Iterator[dict[str, Any]]) -> int:
    """Sends all; gives their number once every one is durable and will not be refused for its clock."""
    producer = Producer({"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True})
    failures: list[str] = []
    session = Session()
    sent = 0
    for sent, line in enumerate(lines, start=1):  # noqa: B007
        mutation = session.mutation_of(line)
        check_mutation(mutation)
        avro = encode(mutation)
        value = frame_single_object(avro) if schema_id is None else frame_confluent(avro, schema_id)
        key = json.dumps([mutation.dataset, *mutation.key], ensure_ascii=False, separators=(",", ":"))
        send(producer, topic, key.encode(), value, acknowledge(mutation, failures))
    producer.flush()
    if failures:
        raise Refused(f"{len(failures)} of {sent} messages failed, the first: {failures[0]}")
    return sent


def send(producer: Producer, topic: str, key: bytes, value: bytes, on_delivery: Any) -> None:
    while True:
        try:
            producer.produce(topic, value, key, on_delivery=on_delivery)
            producer.poll(0)
            return
        except BufferError:
            producer.poll(0.1)  # the queue is full: wait for acknowledgements


def acknowledge(mutation: Mutation, failures: list[str]) -> Any:
    """Compares the stamp with the append time: what the nodes will refuse is a failure, never a success."""

    def on_delivery(error: Any, message: Message) -> None:
        if error is not None:
            failures.append(str(error))
        elif is_too_far_ahead(mutation.stamp, message.timestamp()[1], MAX_CLOCK_AHEAD_MS):
            failures.append(f"the stamp of {mutation.key} is ahead of the log's clock; set this clock right")

    return on_delivery


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


if __name__ == "__main__":
    sys.exit(main())
