"""The strict reader: held against fastavro, and against bytes that fastavro lets through."""

import os
import random
import unittest

from spindexer_format.avro import decode, decode_with_fastavro, encode
from spindexer_format.framing import crc64_avro, frame_confluent, frame_single_object, unframe
from spindexer_format.mutation import OPERATIONS, Mutation, Value
from spindexer_format.refusal import Refused

STAMP = bytes.fromhex("171fd0ea2f1f2600" + "0102030405060708")
# Stamp, seq null, upsert, dataset "a", and the key ["k"] in one block.
HEAD = STAMP + b"\x00\x00\x02a" + b"\x02\x02k\x00"


def random_value(rng: random.Random) -> Value:
    values = (
        None,
        rng.random() < 0.5,
        rng.randrange(-(2**63), 2**63) >> rng.randrange(64),
        rng.uniform(-1e9, 1e9),
        "".join(rng.choice("aé\u20ac\U0001f600") for _ in range(rng.randrange(5))),
        rng.randbytes(rng.randrange(5)),
    )
    return rng.choice(values)


class Avro(unittest.TestCase):
    def test_rabin_fingerprint_of_the_specification(self) -> None:
        self.assertEqual(crc64_avro(b'"null"'), 0x63DD24E7CC258F8A)

    def test_reads_what_fastavro_writes(self) -> None:
        seed = int(os.environ.get("SPINDEXER_SEED") or random.randrange(2**31))
        print(f"tests/test_avro.py: seed {seed}; repeat with SPINDEXER_SEED={seed} python run_tests.py")
        rng = random.Random(seed)
        for _ in range(300):
            mutation = Mutation(
                rng.randbytes(16),
                rng.choice((None, rng.randrange(2**53))),
                rng.choice(OPERATIONS),
                "tracks",
                tuple(f"k{n}" for n in range(rng.randrange(4))),
                {f"c{n}": random_value(rng) for n in range(rng.randrange(6))},
            )
            data = encode(mutation)
            self.assertEqual(decode(data), mutation)
            self.assertEqual(decode_with_fastavro(data), mutation)
            for framed in (frame_confluent(data, rng.randrange(2**32)), frame_single_object(data)):
                self.assertEqual(unframe(framed), data)
            # Every truncation is refused, and so is a byte more.
            for wrong in (data[: rng.randrange(len(data))], data + b"\x00"):
                self.assertRaises(Refused, decode, wrong)

    def test_blocks(self) -> None:
        two_blocks = b"\x02\x02a\x00" + b"\x01\x08\x02b\x02\x01" + b"\x00"
        self.assertEqual(decode(HEAD + two_blocks).columns, {"a": None, "b": True})

    def test_refusals(self) -> None:
        empty = b"\x00"
        wrong = {
            "a varint that is not minimal": STAMP + b"\x80\x00\x00\x02a\x02\x02k\x00" + empty,
            "a varint of more than 64 bits": STAMP + b"\x02" + b"\xff" * 9 + b"\x02" + HEAD[17:] + empty,
            "a boolean of 2": HEAD + b"\x02\x02a\x02\x02\x00",
            "no such operation": STAMP + b"\x00\x06\x02a\x02\x02k\x00" + empty,
            "no such branch": HEAD + b"\x02\x02a\x0c\x00",
            "a negative branch": HEAD + b"\x02\x02a\x01\x00",
            "a name twice": HEAD + b"\x02\x02a\x00\x02\x02a\x00\x00",
            "a block that is shorter than it says": HEAD + b"\x01\x0a\x02a\x00\x00",
            "an over-long form": STAMP + b"\x00\x00\x04\xc0\x80\x02\x02k\x00" + empty,
            "a surrogate": HEAD + b"\x02\x02a\x08\x06\xed\xa0\x80\x00",
            "a negative length": STAMP + b"\x00\x00\x01\x02\x02k\x00" + empty,
        }
        for why, data in wrong.items():
            with self.subTest(why):
                self.assertRaises(Refused, decode, data)
