"""Control records: this implementation and schemas/control.json accept the same ones."""

import json
import os
import random
import unittest
from typing import Any

from golden_checks.control_schema import validator
from spindexer_format.canonical_json import canonicalize
from spindexer_format.control import parse_control
from spindexer_format.refusal import Refused

UUID = "0123abcd-0000-4000-8000-00000000000f"
SIGNERS = ("ed25519:" + "0a" * 32, "eip191:" + "0a" * 20, "ed25519:" + "0A" * 32, "eip191:0a")
INTEGERS = (-2, -1, 0, 1, 10_000, 10_001, 86_400_000, 86_400_001, 2**53 - 1, 2**53, 1.5)
NAMES = ("tracks", "a" * 55, "a" * 56, "_a", "1a", "", "a-b")
ODD = (None, True, "", "*", [], {}, UUID, UUID.upper(), *INTEGERS, *SIGNERS, *NAMES)


def random_record(rng: random.Random) -> dict[str, Any]:
    """A valid record, in which now and then a member is wrong, missing or too many."""
    names = [rng.choice(("*", [], ["tracks"], ["tracks", "tags"])) for _ in range(2)]
    signers = rng.choice(("*", [], [SIGNERS[0]], [*SIGNERS[:2]]))
    rule = {"columns": names[0], "datasets": names[1], "operations": ["update"], "signers": signers}
    policy = {"kind": "policy", "admins": [], "rules": [rule], "unsigned": True, "version": 1}
    genesis = {
        "kind": "genesis", "admins": [*SIGNERS[:2]], "copyId": UUID, "generation": 1, "logId": UUID,
        "maxClockAhead": 60_000, "partition": -1, "partitions": 1, "rules": 1,
    }  # fmt: skip
    close = {"kind": "close", "generation": 1}
    record: dict[str, Any] = rng.choice((policy, genesis, close, {"kind": "dataset", "schema": {}}))
    place = rule if record is policy and rng.random() < 0.5 else record
    member = rng.choice(sorted(place))
    odd = rng.choice(ODD)
    change = rng.randrange(5)
    if change == 1:
        del place[member]
    elif change == 2:
        place["other"] = odd
    elif change == 3:
        place[member] = odd
    elif change == 4:
        place[member] = [odd] * rng.randrange(1, 3)
    return record


def is_accepted(record: dict[str, Any]) -> bool:
    try:
        parse_control(canonicalize(json.dumps(record)).encode())
    except Refused:
        return False
    return True


class Control(unittest.TestCase):
    def test_agrees_with_the_json_schema(self) -> None:
        seed = int(os.environ.get("SPINDEXER_SEED") or random.randrange(2**31))
        print(f"tests/test_control.py: seed {seed}; repeat with SPINDEXER_SEED={seed} python run_tests.py")
        rng = random.Random(seed)
        accepted = 0
        for _ in range(2000):
            record = random_record(rng)
            ours = is_accepted(record)
            accepted += ours
            self.assertEqual(ours, validator().is_valid(record), record)
        self.assertGreater(accepted, 200)
        self.assertLess(accepted, 1800)
