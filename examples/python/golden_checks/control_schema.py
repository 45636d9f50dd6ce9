"""schemas/control.json held against this implementation's reading of control records."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from spindexer_format.control import parse_control
from spindexer_format.refusal import Refused

from .common import Tally

SCHEMA_PATH = Path(__file__).resolve().parents[3] / "schemas" / "control.json"


@cache
def validator() -> Validator:
    """The checker of control.json, which is made once."""
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def check_control_schema(tally: Tally, what: str, value: bytes) -> None:
    """A valid control record is valid by the schema; what the schema refuses is refused.

    The other way round it says less: form (canonical or not) is beyond a schema of the content.
    """
    try:
        content: Any = json.loads(value.decode())
    except (ValueError, RecursionError):
        return
    by_schema = validator().is_valid(content)
    try:
        parse_control(value)
    except Refused as refusal:
        if "canonical" not in str(refusal) and "twice" not in str(refusal):
            tally.equal(f"{what}: valid by control.json ({refusal})", by_schema, False)
        return
    tally.equal(f"{what}: valid by control.json", by_schema, True)
