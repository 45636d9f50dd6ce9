"""The vectors of messages, verdicts, definitions and merges."""

from typing import Any

import fastavro.schema

from spindexer_format.avro import SCHEMA, content_origin, decode, decode_with_fastavro, encode
from spindexer_format.control import parse_control
from spindexer_format.definitions import Catalogue, Column, Dataset
from spindexer_format.dump import dump_cells, fingerprint
from spindexer_format.framing import (
    CANONICAL_SCHEMA,
    FINGERPRINT,
    frame_confluent,
    frame_single_object,
    unframe,
)
from spindexer_format.merge import State, merge
from spindexer_format.mutation import Mutation, check_mutation
from spindexer_format.refusal import Refused
from spindexer_format.stamps import stamp_from_hex
from spindexer_format.verdict import DEFINITIONS, Log, Record, judge

from .common import Tally, bits, value_of_vector
from .control_schema import check_control_schema


def mutation_of_vector(vector: dict[str, Any]) -> Mutation:
    return Mutation(
        stamp_from_hex(vector["stamp"]),
        None if vector["seq"] is None else int(vector["seq"]),
        vector["operation"],
        vector["dataset"],
        tuple(vector["key"]),
        {n: value_of_vector(v["branch"], v["value"]) for n, v in vector["columns"].items()},
    )


def _comparable(mutation: Mutation) -> Any:
    columns = {name: bits(value) for name, value in mutation.columns.items()}
    return (
        mutation.stamp, mutation.seq, mutation.operation, mutation.dataset, mutation.key, columns,
    )  # fmt: skip


def check_messages(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    theirs: Any = fastavro.schema.fingerprint(CANONICAL_SCHEMA, "CRC-64-AVRO")
    tally.equal("CRC-64-AVRO by fastavro", FINGERPRINT.hex(), theirs)
    tally.equal(
        "canonical schema by fastavro", CANONICAL_SCHEMA, fastavro.schema.to_parsing_canonical_form(SCHEMA)
    )
    for vector in vectors:
        name = vector["name"]
        mutation = mutation_of_vector(vector["mutation"])
        check_mutation(mutation)
        avro = bytes.fromhex(vector["avro"])
        confluent = vector["confluent"]
        framed = frame_confluent(avro, confluent["schemaId"])
        tally.equal(f"{name}: Avro", encode(mutation).hex(), vector["avro"])
        tally.equal(f"{name}: single-object", frame_single_object(avro).hex(), vector["singleObject"])
        tally.equal(f"{name}: Confluent", framed.hex(), confluent["hex"])
        for form in (vector["singleObject"], confluent["hex"]):
            read = _comparable(decode(unframe(bytes.fromhex(form))))
            tally.equal(f"{name}: decoded", read, _comparable(mutation))
        second = _comparable(decode_with_fastavro(avro))
        tally.equal(f"{name}: decoded by fastavro", second, _comparable(mutation))
        tally.equal(f"{name}: content origin", content_origin(mutation).hex(), vector["contentOrigin"])
        for number, other in enumerate(vector.get("otherAvro", ())):
            same = decode(bytes.fromhex(other))
            tally.equal(f"{name}: other bytes {number}", _comparable(same), _comparable(mutation))
            origin = content_origin(same).hex()
            tally.equal(f"{name}: content origin of other bytes {number}", origin, vector["contentOrigin"])
    return tally.result()


def catalogue_of(texts: list[str]) -> Catalogue:
    catalogue = Catalogue()
    for text in texts:
        catalogue.take(parse_control(text.encode())["schema"])
    return catalogue


def check_verdicts(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    genesis = vectors["genesis"]
    log = Log(genesis["logId"], int(genesis["maxClockAhead"]))
    catalogue = catalogue_of(vectors["definitions"])
    for case in vectors["cases"]:
        value = None if case["value"] is None else bytes.fromhex(case["value"])
        headers = [(name, bytes.fromhex(text)) for name, text in case["headers"]]
        record = Record(
            int(case["partition"]),
            int(case["offset"]),
            int(case["appendMs"]),
            case["stampedByLog"],
            headers,
            value,
        )
        verdict = judge(record, log, catalogue)
        tally.equal(f"{case['name']} ({verdict.detail})", verdict.kind, case["verdict"])
        tally.equal(f"{case['name']}: reason", verdict.reason, case["reason"] or "")
        if value is not None and value.startswith(b"{"):
            check_control_schema(tally, case["name"], value)
        if verdict.mutation is not None and value is not None:
            second = _comparable(decode_with_fastavro(unframe(value)))
            tally.equal(f"{case['name']}: decoded by fastavro", second, _comparable(verdict.mutation))
    return tally.result()


def check_definitions(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    for vector in vectors:
        catalogue = Catalogue()
        log_id = _log_id_of(vector["records"])
        for number, item in enumerate(vector["records"]):
            what = f"{vector['name']}, record {number} ({item['why']})"
            value = item["value"].encode()
            tally.equal(what, _define(value, catalogue, log_id), item["verdict"])
            check_control_schema(tally, what, value)
        ours = [_describe(dataset) for dataset in catalogue.datasets.values()]
        theirs = [_normal(dataset) for dataset in vector["catalogue"]]
        by_name = lambda described: described["name"]  # noqa: E731
        tally.equal(f"{vector['name']}: catalogue", sorted(ours, key=by_name), sorted(theirs, key=by_name))
    return tally.result()


def _define(value: bytes, catalogue: Catalogue, log_id: str) -> str:
    """What becomes of a record of the definitions."""
    verdict = judge(Record(DEFINITIONS, 1, 0, True, (), value), Log(log_id, 60_000), catalogue)
    if verdict.kind != "control":
        return verdict.kind
    control = parse_control(value)
    if control["kind"] != "dataset":
        return "control"
    try:
        catalogue.take(control["schema"])
    except Refused:
        return "refused"
    return "taken"


def _log_id_of(records: list[dict[str, Any]]) -> str:
    """The id that the first genesis record among them names."""
    for item in records:
        try:
            return parse_control(item["value"].encode())["logId"]
        except (Refused, KeyError):
            continue
    return ""


def _describe(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "key": [_describe_column(column) for column in dataset.key],
        "columns": [
            _describe_column(column) | {"required": column.required} for column in dataset.columns.values()
        ],
        "fieldNames": list(dataset.field_names),
    }


def _describe_column(column: Column) -> dict[str, Any]:
    symbols = None if column.symbols is None else sorted(column.symbols)
    return {"name": column.name, "type": column.type, "symbols": symbols}


def _normal(dataset: dict[str, Any]) -> dict[str, Any]:
    """A vector's dataset with the symbols, which are sets, in an order of their own."""
    columns = {
        part: [
            column | {"symbols": None if column["symbols"] is None else sorted(column["symbols"])}
            for column in dataset[part]
        ]
        for part in ("key", "columns")
    }
    return dataset | columns


def check_merge(vectors: Any) -> tuple[int, list[str]]:
    tally = Tally()
    for vector in vectors:
        name = vector["name"]
        catalogue = catalogue_of(vector["definitions"])
        mutations = [mutation_of_vector(message) for message in vector["messages"]]
        for order, sequence in (("in order", mutations), ("backwards", mutations[::-1])):
            state: State = {}
            for mutation in sequence:
                merge(state, mutation)
            lines = list(dump_cells(state, catalogue))
            theirs = vector["cells"]
            for number, line in enumerate(theirs):
                ours = lines[number] if number < len(lines) else None
                tally.equal(f"{name} {order}: line {number}", ours, line)
            tally.equal(f"{name} {order}: lines", len(lines), len(theirs))
            tally.equal(f"{name} {order}: fingerprint", fingerprint(lines), vector["fingerprint"])
    return tally.result()
