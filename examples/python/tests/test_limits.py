"""Limits whose vectors would be too large for the files."""

import unittest

from spindexer_format.avro import encode
from spindexer_format.definitions import Catalogue
from spindexer_format.framing import frame_confluent
from spindexer_format.mutation import Mutation
from spindexer_format.refusal import Refused
from spindexer_format.verdict import Log, Record, judge


def schema_of(name: str) -> dict[str, object]:
    fields = [{"name": "id", "type": "string"}, {"name": "text", "type": "string"}]
    return {"type": "record", "name": name, "key": ["id"], "fields": fields}


def message_of(size: int) -> bytes:
    def value_of(length: int) -> bytes:
        mutation = Mutation(b"\x01" + bytes(15), None, "upsert", "d0", ("k",), {"text": "x" * length})
        return frame_confluent(encode(mutation), 1)

    return value_of(size - (len(value_of(size)) - size))


class Limits(unittest.TestCase):
    def test_size_of_a_value(self) -> None:
        catalogue = Catalogue()
        catalogue.take(schema_of("d0"))
        log = Log("", 60_000)
        for size, kind in ((900_000, "merge"), (900_001, "quarantined")):
            value = message_of(size)
            self.assertEqual(len(value), size)
            self.assertEqual(judge(Record(0, 1, 10**14, True, (), value), log, catalogue).kind, kind)

    def test_number_of_datasets(self) -> None:
        catalogue = Catalogue()
        for number in range(1000):
            catalogue.take(schema_of(f"d{number}"))
        with self.assertRaises(Refused):
            catalogue.take(schema_of("d1000"))
        catalogue.take(schema_of("d999"))
        self.assertEqual(len(catalogue.datasets), 1000)
