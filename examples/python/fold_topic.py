"""Folds a whole Kafka topic in memory: the cells on stdout, the counts and the fingerprint on stderr.

With --verdicts a file says of each record what became of it and why.
"""

import argparse
import sys
from pathlib import Path

from confluent_kafka import KafkaException

from folding import fold_to_stdout
from spindexer_format.refusal import Refused
from spindexer_format.verdict import DEFINITIONS
from topic_reader import Reader


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
        fold(arguments.brokers, arguments.topic, arguments.verdicts)
    except (Refused, KafkaException) as error:
        print(f"fold_topic: {error}", file=sys.stderr)
        return 1
    return 0


def fold(brokers: str, topic: str, verdicts: Path | None) -> None:
    """Reads up to the ends as they are now."""
    definitions = Reader(brokers, f"{topic}.definitions")
    data = Reader(brokers, topic)
    try:
        fold_to_stdout(definitions.records(as_partition=DEFINITIONS), data.records(), verdicts)
    finally:
        definitions.close()
        data.close()


if __name__ == "__main__":
    sys.exit(main())
