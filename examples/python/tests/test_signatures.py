"""Signatures: what is signed is proved, alone and together, under both schemes; and nothing else is."""

import os
import random
import unittest

from spindexer_format.ed25519 import NEUTRAL, ORDER, add, decode_point, encode_point, is_sound_point
from spindexer_format.merkle import hash_leaf, hash_node, path_length, root_and_paths, root_of_path
from spindexer_format.refusal import Refused
from spindexer_format.signature import Prover
from spindexer_format.signing_key import SigningKey, ed25519_key, eip191_key, read_key, sign_together

LOG_ID = "00112233-4455-6677-8899-aabbccddeeff"
OTHER_LOG_ID = "10112233-4455-6677-8899-aabbccddeeff"
BASE = bytes([0x58]) + bytes([0x66]) * 31


def seeded(test: str) -> random.Random:
    seed = int(os.environ.get("SPINDEXER_SEED") or random.randrange(2**31))
    print(
        f"tests/test_signatures.py, {test}: seed {seed}; repeat with SPINDEXER_SEED={seed} python run_tests.py"
    )
    return random.Random(seed)


def is_proved(value: bytes, header: bytes, log_id: str = LOG_ID) -> str | None:
    try:
        return Prover(log_id).prove(value, header)
    except Refused as refusal:
        assert refusal.reason == "bad-signature"
        return None


def root_by_levels(level: list[bytes]) -> bytes:
    """The same tree from below: pairs, and an odd one at the end goes up as it is."""
    while len(level) > 1:
        pairs = [hash_node(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) & ~1 :]
    return level[0]


class Trees(unittest.TestCase):
    def test_every_path_leads_to_the_root(self) -> None:
        for count in [*range(1, 40), 512, 513]:
            leaves = [hash_leaf(number.to_bytes(2, "big")) for number in range(count)]
            root, paths = root_and_paths(leaves)
            self.assertEqual(root, root_by_levels(leaves))
            for index, path in enumerate(paths):
                self.assertEqual(len(path), path_length(index, count))
                self.assertEqual(root_of_path(leaves[index], index, count, path), root)
                self.assertIsNone(root_of_path(leaves[index], index, count, [*path, root]))
                self.assertNotEqual(
                    root_of_path(leaves[index], index, count, path[:-1]), root if path else None
                )


class Curve(unittest.TestCase):
    def test_small_order(self) -> None:
        """Eight points of small order, made from points that are none by the group's order."""
        small: set[bytes] = set()
        y = 0
        while len(small) < 8:
            y += 1
            point = decode_point(y.to_bytes(32, "little"))
            if point is not None:
                small.add(encode_point(times(ORDER, point)))
        for encoded in small:
            self.assertFalse(is_sound_point(encoded))
            mixed = add(decode_point(BASE) or NEUTRAL, decode_point(encoded) or NEUTRAL)
            self.assertTrue(is_sound_point(encode_point(mixed)))

    def test_keys_are_sound(self) -> None:
        for number in range(20):
            key = ed25519_key(bytes([number]) * 32).key
            self.assertTrue(is_sound_point(key))
            self.assertEqual(encode_point(decode_point(key) or NEUTRAL), key)


def times(number: int, point: tuple[int, int]) -> tuple[int, int]:
    result = NEUTRAL
    for bit in bin(number)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


class Signatures(unittest.TestCase):
    def test_what_is_signed_is_proved_and_nothing_else(self) -> None:
        rng = seeded("signing")
        for make in (ed25519_key, eip191_key):
            for count in (1, 2, 3, rng.randrange(4, 40)):
                key: SigningKey = make(rng.randbytes(31) + b"\x01")
                values = [rng.randbytes(rng.randrange(80)) + bytes([n]) for n in range(count)]
                headers = sign_together(key, LOG_ID, values)
                index = rng.randrange(count)
                value, header = values[index], headers[index]
                self.assertEqual(is_proved(value, header), key.signer())
                self.assertIsNone(is_proved(value + b"x", header))
                self.assertIsNone(is_proved(value, header, OTHER_LOG_ID))
                self.assertIsNone(is_proved(value, header + b"\0"))
                self.assertIsNone(is_proved(value, header[:-1]))
                if count > 1:
                    self.assertIsNone(is_proved(value, headers[index - 1]))

    def test_every_bit_of_a_header_matters(self) -> None:
        rng = seeded("bits")
        for make in (ed25519_key, eip191_key):
            key = make(rng.randbytes(31) + b"\x01")
            header = sign_together(key, LOG_ID, [b"a", b"b", b"c"])[1]
            for at in rng.sample(range(len(header) * 8), 40):
                changed = bytearray(header)
                changed[at // 8] ^= 1 << at % 8
                self.assertIsNone(is_proved(b"b", bytes(changed)), f"bit {at}")

    def test_a_prover_answers_alike_whatever_it_was_asked_before(self) -> None:
        key = ed25519_key(bytes(32))
        headers = sign_together(key, LOG_ID, [b"a", b"b"])
        prover = Prover(LOG_ID)
        for _ in range(3):
            self.assertEqual(prover.prove(b"a", headers[0]), key.signer())
            self.assertEqual(prover.prove(b"b", headers[1]), key.signer())
            with self.assertRaises(Refused):
                prover.prove(b"a", headers[1])

    def test_files_that_are_no_keys(self) -> None:
        for text in ("", "00" * 32, "ab" * 31, "ff" * 32, "-----BEGIN PRIVATE KEY-----\nAA==\n", "0x"):
            with self.assertRaises(Refused):
                read_key(text)
        self.assertEqual(read_key(" 0x" + "AB" * 32 + "\n").signer(), eip191_key(b"\xab" * 32).signer())
