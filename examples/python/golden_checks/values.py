"""The vectors of stamps, values, canonical JSON and what people type."""

from typing import Any

from spindexer_format.canonical_json import canonicalize, is_canonical
from spindexer_format.stamps import create_stamp, stamp_from_hex, stamp_iso, stamp_time
from spindexer_format.typed import value_of_typed
from spindexer_format.values import is_key_of, is_value_of, value_order

from .common import Tally, bits, symbols_of, value_of_vector


def check_stamps(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    for vector in vectors["valid"]:
        stamp = stamp_from_hex(vector["stamp"])
        joined = create_stamp(int(vector["timeNs"]), bytes.fromhex(vector["origin"]))
        tally.equal("time and origin", joined.hex(), vector["stamp"])
        tally.equal(f"time of {vector['stamp']}", str(stamp_time(stamp)), str(vector["timeNs"]))
        tally.equal(f"origin of {vector['stamp']}", stamp[8:].hex(), vector["origin"])
        tally.equal(f"ISO time of {vector['stamp']}", stamp_iso(stamp), vector["iso"])
    for vector in vectors["invalid"]:
        text = vector["stamp"]
        tally.refuses(f"stamp {text!r} ({vector['why']})", lambda text=text: stamp_from_hex(text))
    tally.ordered("stamps", vectors["order"], stamp_from_hex)
    return tally.result()


def check_values(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    for expected in ("valid", "invalid"):
        for vector in vectors[expected]:
            value = value_of_vector(vector["branch"], vector["value"])
            ours = is_value_of(value, vector["type"], symbols_of(vector))
            tally.equal(f"{vector} is valid", ours, expected == "valid")
        for vector in vectors["keys"][expected]:
            ours = is_key_of(vector["text"], vector["type"], symbols_of(vector))
            tally.equal(f"key {vector} is valid", ours, expected == "valid")
    order = vectors["order"]
    tally.ordered("values", order, lambda v: value_order(value_of_vector(v["branch"], v["value"])))
    return tally.result()


def check_canonical_json(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    for vector in vectors["canonical"]:
        text, canonical = vector["input"], vector["canonical"]
        tally.agrees(f"canonical form of {text!r}", lambda text=text: canonicalize(text), canonical)
        tally.equal(f"{canonical!r} is canonical", is_canonical(canonical), True)
        tally.equal(f"{text!r} is canonical", is_canonical(text), text == canonical)
    for vector in vectors["refused"]:
        text = vector["input"]
        tally.refuses(f"JSON {text!r} ({vector['why']})", lambda text=text: canonicalize(text))
    return tally.result()


def check_typed(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    for vector in vectors:
        text, column_type, symbols = vector["input"], vector["type"], symbols_of(vector)

        def read(text: str = text, column_type: str = column_type, symbols: Any = symbols) -> Any:
            return bits(value_of_typed(text, column_type, symbols))

        what = f"{column_type} typed as {text!r}"
        if "refused" in vector:
            tally.refuses(f"{what} ({vector['refused']})", read)
        else:
            value = value_of_vector(vector["branch"], vector["value"])
            tally.agrees(what, read, bits(value))
            tally.equal(f"{what} is canonical", is_value_of(value, column_type, symbols), True)
    return tally.result()
