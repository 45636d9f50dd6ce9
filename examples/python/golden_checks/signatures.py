"""The vectors of signatures and policies."""

from typing import Any

from spindexer_format.definitions import Catalogue
from spindexer_format.merkle import hash_leaf, path_length, root_and_paths, root_of_path
from spindexer_format.policy import initial_standing
from spindexer_format.refusal import Refused
from spindexer_format.signature import Prover, parse_header, signed_text, write_header
from spindexer_format.signing_key import SigningKey, ed25519_key, eip191_key, read_key, sign_together
from spindexer_format.verdict import DEFINITIONS, Log, Record, Verdict, define, judge

from .common import Tally
from .control_schema import check_control_schema
from .state import catalogue_of

_KEYS_OF = {"ed25519": ed25519_key, "eip191": eip191_key}


def check_signatures(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    keys = _check_keys(tally, vectors["keys"])
    _check_trees(tally, vectors["trees"])
    for vector in vectors["texts"]:
        text = signed_text(vector["logId"], vector["count"], bytes.fromhex(vector["root"]))
        tally.equal("signed text", text.decode(), vector["text"])
    for vector in vectors["signatures"]:
        signature = keys[vector["key"]].sign(vector["text"].encode())
        tally.equal(f"signature of {vector['text']!r}", signature.hex(), vector["signature"])
    for vector in vectors["headers"]:
        _check_header(tally, vector)
    _check_records(tally, vectors["records"], vectors["logId"])
    _check_signed_again(tally, vectors, keys)
    policies = vectors["policies"]
    for sequence in policies["sequences"]:
        log = Log(
            vectors["logId"],
            policies["maxClockAhead"],
            sequence["genesis"]["generation"],
            frozenset(sequence["genesis"]["admins"]),
        )
        _check_sequence(tally, sequence, log, policies["definitions"])
    return tally.result()


def _check_keys(tally: Tally, vectors: Any) -> dict[str, SigningKey]:
    keys: dict[str, SigningKey] = {}
    for vector in vectors:
        key = _KEYS_OF[vector["scheme"]](bytes.fromhex(vector["secret"]))
        tally.equal(f"signer of key {vector['name']}", key.signer(), vector["signer"])
        tally.equal(f"file of key {vector['name']}", read_key(vector["file"]).signer(), vector["signer"])
        keys[vector["name"]] = key
    return keys


def _check_trees(tally: Tally, vectors: Any) -> None:
    for vector in vectors:
        leaves = [hash_leaf(bytes.fromhex(value)) for value in vector["values"]]
        count = len(leaves)
        root, paths = root_and_paths(leaves)
        tally.equal(f"leaves of {count}", [leaf.hex() for leaf in leaves], vector["leaves"])
        tally.equal(f"root of {count}", root.hex(), vector["root"])
        tally.equal(f"paths of {count}", [[node.hex() for node in path] for path in paths], vector["paths"])
        for index, path in enumerate(paths):
            tally.equal(f"length of path {index} of {count}", path_length(index, count), len(path))
            again = root_of_path(leaves[index], index, count, path)
            tally.equal(f"way up from {index} of {count}", again, root)


def _check_header(tally: Tally, vector: Any) -> None:
    content = bytes.fromhex(vector["header"])
    header = parse_header(content)
    ours = {
        "header": write_header(header).hex(),
        "scheme": header.scheme,
        "signer": header.signer(),
        "signature": header.signature.hex(),
        "count": header.count,
        "index": header.index,
        "path": [node.hex() for node in header.path],
    }
    tally.equal(f"header {vector['header']}", ours, vector)


def _check_records(tally: Tally, vectors: Any, log_id: str) -> None:
    """One prover for all, and one for each: what is kept between two records may not show."""
    kept = Prover(log_id)
    for vector in vectors:
        value, header = bytes.fromhex(vector["value"]), bytes.fromhex(vector["header"])
        for prover in (kept, Prover(log_id)):
            try:
                signer, why = prover.prove(value, header), ""
            except Refused as refusal:
                signer, why = None, f" ({refusal})"
            tally.equal(f"{vector['name']}{why}: who has signed", signer, vector["signer"])


def _check_signed_again(tally: Tally, vectors: Any, keys: dict[str, SigningKey]) -> None:
    """Signing is deterministic: what is signed alone here has the bytes of the vectors."""
    for key in keys.values():
        alone = [
            record
            for record in vectors["records"]
            if record["signer"] == key.signer() and ", alone, " in record["name"]
        ]
        tally.equal(f"records that {key.signer()} has signed alone", len(alone) > 0, True)
        for record in alone:
            header = sign_together(key, vectors["logId"], [bytes.fromhex(record["value"])])[0]
            tally.equal(f"{record['name']}: signed again", header.hex(), record["header"])


def _check_sequence(tally: Tally, sequence: Any, log: Log, definitions: list[str]) -> None:
    partition = sequence["partition"]
    catalogue = Catalogue() if partition == DEFINITIONS else catalogue_of(definitions)
    standing, prover = initial_standing(log.admins), Prover(log.log_id)
    for offset, vector in enumerate(sequence["records"]):
        what = f"{sequence['name']}, record {offset}: {vector['name']}"
        value = None if vector["value"] is None else bytes.fromhex(vector["value"])
        headers = [(name, bytes.fromhex(content)) for name, content in vector["headers"]]
        append_ms = int(vector["appendMs"])
        record = Record(partition, offset, append_ms, vector["stampedByLog"], headers, value)
        make = define if partition == DEFINITIONS else judge
        verdict = make(record, log, catalogue, standing, prover)
        standing = verdict.standing
        is_written = verdict.kind in ("merge", "parked")
        ours = (_kind_of(verdict), verdict.reason, verdict.signer if is_written else None)
        theirs = (vector["verdict"], vector["reason"] or "", vector["signer"])
        tally.equal(f"{what} ({verdict.detail})", ours, theirs)
        if value is not None and value.startswith(b"{"):
            check_control_schema(tally, what, value)


_DEFINITION_REASONS = {"bad-definition", "key-changed", "type-changed", "dataset-full", "catalogue-full"}


def _kind_of(verdict: Verdict) -> str:
    """`taken` and `refused` are said of definitions."""
    if verdict.kind == "control" and verdict.detail == "dataset":
        return "taken"
    return "refused" if verdict.reason in _DEFINITION_REASONS else verdict.kind
