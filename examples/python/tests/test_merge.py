"""The merge gives the same state in whatever order, and however often, the mutations come."""

import os
import random
import unittest

from spindexer_format.definitions import Catalogue
from spindexer_format.dump import dump_cells
from spindexer_format.merge import State, merge
from spindexer_format.mutation import Mutation

SCHEMA = {
    "type": "record",
    "name": "tracks",
    "key": ["id"],
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "plays", "type": ["null", "long"]},
        {"name": "title", "type": "string", "required": True},
    ],
}


def random_mutation(rng: random.Random) -> Mutation:
    operation = rng.choice(("upsert", "update", "delete"))
    columns = {"plays": rng.choice((None, -1, 0, 7)), "title": rng.choice((None, "a", "b"))}
    names = rng.sample(sorted(columns), 0 if operation == "delete" else rng.randrange(1, 3))
    stamp = bytes(7) + bytes([rng.randrange(1, 5)]) + bytes(7) + bytes([rng.randrange(2)])
    return Mutation(stamp, None, operation, "tracks", (rng.choice("xyz"),), {n: columns[n] for n in names})


class Merge(unittest.TestCase):
    def test_order_and_repetition_do_not_matter(self) -> None:
        seed = int(os.environ.get("SPINDEXER_SEED") or random.randrange(2**31))
        print(f"tests/test_merge.py: seed {seed}; repeat with SPINDEXER_SEED={seed} python run_tests.py")
        rng = random.Random(seed)
        catalogue = Catalogue()
        catalogue.take(SCHEMA)
        for _ in range(300):
            mutations = [random_mutation(rng) for _ in range(rng.randrange(1, 12))]
            states: list[list[str]] = []
            for again in (mutations, rng.sample(mutations, len(mutations)), mutations + mutations[::2]):
                state: State = {}
                for mutation in again:
                    merge(state, mutation)
                states.append(list(dump_cells(state, catalogue)))
            self.assertEqual(states[1:], [states[0]] * 2)
