"""`dump --cells`: the whole state as lines of text, and the state's fingerprint."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Set
from hashlib import sha256
from types import MappingProxyType

from .canonical_json import write_string
from .definitions import Catalogue, Dataset
from .merge import Row, State
from .mutation import Value
from .numbers import double_to_text
from .stamps import stamp_iso

# By origin, who has signed what was merged under it (None: nobody). Known of guarded logs alone.
Authors = Mapping[bytes, Set[str | None]]


def dump_cells(state: State, catalogue: Catalogue, authors: Authors = MappingProxyType({})) -> Iterator[str]:
    """One JSON object a line, without line ends, in the order of UTF-8 bytes."""
    for name in sorted(state):
        dataset = catalogue.datasets[name]
        for key in sorted(state[name]):
            yield from _dump_row(dataset, key, state[name][key], authors)


def fingerprint(lines: Iterable[str]) -> str:
    """SHA-256 of the lines, each with its line end, as 64 hex digits."""
    digest = sha256()
    for line in lines:
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _dump_row(dataset: Dataset, key: tuple[str, ...], row: Row, authors: Authors) -> Iterator[str]:
    cells = list(row.live_cells())
    visible = "true" if _is_visible(dataset, row) else "false"
    head = f'{{"dataset":{write_string(dataset.name)},"key":{_key_object(dataset, key)}'
    yield f'{head},"alive":{_stamp(row.alive)},"dead":{_stamp(row.dead)},"visible":{visible}}}'
    for column, stamp, value in cells:
        text = value_to_text(value, dataset.columns[column].type)
        yield (
            f'{head},"column":{write_string(column)},"value":{text},"stamp":"{stamp.hex()}",'
            f'"timestamp":"{stamp_iso(stamp)}","origin":"{stamp[8:].hex()}",'
            f'"signer":{_signers(authors.get(stamp[8:]))},"visible":{visible}}}'
        )


def _is_visible(dataset: Dataset, row: Row) -> bool:
    if not row.exists():
        return False
    present = {column for column, _, value in row.live_cells() if value is not None}
    return all(column.name in present for column in dataset.columns.values() if column.required)


def _key_object(dataset: Dataset, key: tuple[str, ...]) -> str:
    members: list[str] = []
    for column, text in zip(dataset.key, key, strict=True):
        value = text if column.type in ("boolean", "long") else write_string(text)
        members.append(f"{write_string(column.name)}:{value}")
    return "{" + ",".join(members) + "}"


def _signers(signers: Set[str | None] | None) -> str:
    """Null for nobody, the one, or all where one origin has been used by several."""
    texts = [f'"{signer}"' for signer in sorted(signer for signer in signers or () if signer is not None)]
    if signers is None or None in signers:
        texts.insert(0, "null")
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def _stamp(stamp: bytes | None) -> str:
    return "null" if stamp is None else f'"{stamp.hex()}"'


def value_to_text(value: Value, column_type: str) -> str:
    """A value as JSON by its column's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return double_to_text(value)
    if isinstance(value, bytes):
        return f'"{b64encode(value).decode()}"'
    return value if column_type == "json" else write_string(value)
