"""The genesis record: which log this is, and what of it verdicts ask for."""

from .control import integer_of, parse_control
from .refusal import Refused
from .verdict import Log, Record

RULES = 1


def read_genesis(record: Record) -> Log:
    """What the record at offset 0 says of its log; raises Refused for any other record."""
    where = f"partition {record.partition}, offset {record.offset}"
    if record.offset != 0 or not record.stamped_by_log:
        raise Refused(f"{where}: no genesis record at offset 0 with the log's own time")
    try:
        genesis = parse_control(record.value or b"")
    except Refused as refusal:
        raise Refused(f"{where}: no genesis record ({refusal})") from None
    if genesis["kind"] != "genesis":
        raise Refused(f"{where}: no genesis record but {genesis['kind']}")
    if integer_of(genesis["partition"]) != record.partition:
        raise Refused(f"{where}: the genesis record of another partition")
    if integer_of(genesis["rules"]) != RULES:
        raise Refused(f"{where}: this program knows the rules {RULES}, not those of this log")
    return Log(
        genesis["logId"],
        integer_of(genesis["maxClockAhead"]) or 0,
        integer_of(genesis["generation"]) or 0,
        frozenset(genesis["admins"]),
    )
