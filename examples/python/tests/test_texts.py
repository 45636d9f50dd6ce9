"""Numbers, canonical JSON and what people type."""

import struct
import unittest

from spindexer_format.canonical_json import canonical_decimal, canonicalize, is_canonical_decimal
from spindexer_format.numbers import double_to_text
from spindexer_format.refusal import Refused
from spindexer_format.typed import value_of_typed

# RFC 8785, appendix B.
RFC_8785 = {
    "0000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
}


class Texts(unittest.TestCase):
    def test_doubles_as_ecmascript(self) -> None:
        for bits, text in RFC_8785.items():
            self.assertEqual(double_to_text(struct.unpack(">d", bytes.fromhex(bits))[0]), text)
        for value, text in (
            (1.5, "1.5"),
            (100.0, "100"),
            (1e20, "100000000000000000000"),
            (1.25e-7, "1.25e-7"),
        ):
            self.assertEqual(double_to_text(value), text)

    def test_decimals(self) -> None:
        cases = {
            "-0.00": "0", "1.50": "1.5", "2e3": "2000", "1.5e-3": "0.0015", "100": "100", "-12.30e1": "-123",
            "0e99999999999999999999": "0", "1e999": "1" + "0" * 999, "1e-999": "0." + "0" * 998 + "1",
        }  # fmt: skip
        for text, canonical in cases.items():
            self.assertEqual(canonical_decimal(text), canonical)
            self.assertTrue(is_canonical_decimal(canonical))
        for text in ("1e1000", "1e-1000", "1e99999999999999999999", "", "-", ".", "1e", "0x1", "1" * 1001):
            with self.assertRaises(Refused):
                canonical_decimal(text)
        for text in ("-0", "01", "1.0", "1.", ".5", "+1", "1e3", "1" * 1001, "١"):
            self.assertFalse(is_canonical_decimal(text))

    def test_json(self) -> None:
        self.assertEqual(
            canonicalize(' {"b": 1.0, "a": [-0, "\\u00e9\\u0007"]} '), '{"a":[0,"é\\u0007"],"b":1}'
        )
        self.assertEqual(canonicalize('{"\\ud800\\udc00":1,"\\uffff":2}'), '{"\uffff":2,"\U00010000":1}')
        self.assertEqual(canonicalize("[" * 64 + "]" * 64), "[" * 64 + "]" * 64)
        for text in (
            "[" * 65 + "]" * 65,
            "[" * 100_000,
            '"\\u0000"',
            '"\\ud800"',
            '{"a":1,"a":1}',
            "NaN",
            "",
        ):
            with self.assertRaises(Refused):
                canonicalize(text)

    def test_typed_moments(self) -> None:
        for typed, canonical in {
            "2022-10-20T18:35:19.896+02:00": "2022-10-20T16:35:19.896000Z",
            "2022-10-20 16:35:19.896123000+00": "2022-10-20T16:35:19.896123Z",
            "2022-12-31T23:00:00-02:00": "2023-01-01T01:00:00.000000Z",
        }.items():
            self.assertEqual(value_of_typed(f'"{typed}"', "timestamp"), canonical)
        for typed in ("2022-10-20T16:35:19", "2022-10-20T16:35:19.0000001Z", "0001-01-01T00:00:00+01"):
            with self.assertRaises(Refused):
                value_of_typed(f'"{typed}"', "timestamp")
