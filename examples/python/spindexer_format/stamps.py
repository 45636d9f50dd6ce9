"""Stamps: 16 bytes that order mutations, 8 of nanoseconds since 1970 and 8 of origin, both big-endian."""

from datetime import datetime, timedelta

from .refusal import Refused

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
TIME_END = 1 << 63
EPOCH = datetime(1970, 1, 1)


def check_stamp(stamp: bytes) -> None:
    """Raises Refused unless a log may hold the stamp."""
    if len(stamp) != 16:
        raise Refused(f"a stamp has 16 bytes, this one {len(stamp)}")
    if stamp[0] & 0x80:
        raise Refused("the top bit of the stamp is set", "bad-stamp")
    if not any(stamp):
        raise Refused("the stamp is all zero", "bad-stamp")


def stamp_from_hex(text: str) -> bytes:
    """32 lower-case hex digits to a stamp; raises Refused for anything else."""
    if len(text) != 32 or any(c not in "0123456789abcdef" for c in text):
        raise Refused(f"not 32 lower-case hex digits: {text!r}")
    stamp = bytes.fromhex(text)
    check_stamp(stamp)
    return stamp


def create_stamp(time_ns: int, origin: bytes) -> bytes:
    """Joins nanoseconds since 1970 (0 to 2^63 - 1) and an origin of 8 bytes."""
    if not 0 <= time_ns < TIME_END:
        raise Refused(f"stamp time {time_ns} ns is not between 0 and 2^63 - 1")
    if len(origin) != 8:
        raise Refused(f"an origin has 8 bytes, this one {len(origin)}")
    stamp = time_ns.to_bytes(8, "big") + origin
    check_stamp(stamp)
    return stamp


def stamp_time(stamp: bytes) -> int:
    """Nanoseconds since 1970."""
    return int.from_bytes(stamp[:8], "big")


def stamp_iso(stamp: bytes) -> str:
    """The stamp's time with nine decimals: 2022-10-20T16:35:19.896000000Z."""
    seconds, nanoseconds = divmod(stamp_time(stamp), NS_PER_S)
    moment = EPOCH + timedelta(seconds=seconds)
    return f"{moment.isoformat(timespec='seconds')}.{nanoseconds:09d}Z"


def is_too_far_ahead(stamp: bytes, append_ms: int, max_clock_ahead_ms: int) -> bool:
    """The clock rule of a log: only the log's own append time counts."""
    return stamp_time(stamp) > (append_ms + max_clock_ahead_ms) * NS_PER_MS
