"""Definitions: the Avro schemas of datasets, and what one after the other adds up to."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .mutation import COLUMNS_MAX, KEY_PARTS_MAX, NAME
from .refusal import Refused
from .values import KEY_TYPES, Symbols

DATASETS_MAX = 1000
SYMBOL_BYTES_MAX = 100_000
_AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# (Avro type, logical type) to the type of a column.
_TYPES: dict[tuple[str, str | None], str] = {
    ("boolean", None): "boolean",
    ("int", None): "long",
    ("long", None): "long",
    ("double", None): "double",
    ("string", None): "string",
    ("bytes", None): "bytes",
    ("string", "uuid"): "uuid",
    ("string", "decimal"): "decimal",
    ("string", "date"): "date",
    ("int", "date"): "date",
    ("string", "timestamp-micros"): "timestamp",
    ("long", "timestamp-micros"): "timestamp",
    ("string", "timestamp-millis"): "timestamp",
    ("long", "timestamp-millis"): "timestamp",
    ("string", "json"): "json",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column or key column; `symbols` None admits every text."""

    name: str
    type: str
    symbols: Symbols = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """`field_names`: all names in the order in which readers see them, the first definition's first."""

    name: str
    key: tuple[Column, ...]
    columns: dict[str, Column]
    field_names: tuple[str, ...]


@dataclass(slots=True)
class Catalogue:
    """The definitions so far."""

    datasets: dict[str, Dataset] = field(default_factory=dict)

    def take(self, schema: dict[str, Any]) -> None:
        """Takes the schema of a dataset record whole, or raises Refused and changes nothing."""
        new = read_schema(schema)
        old = self.datasets.get(new.name)
        if old is None and len(self.datasets) == DATASETS_MAX:
            raise Refused(f"more than {DATASETS_MAX} datasets", "catalogue-full")
        merged = new if old is None else unite(old, new)
        count = len(merged.field_names)
        if count > COLUMNS_MAX:
            raise Refused(f"dataset {new.name} would have {count} columns", "dataset-full")
        all_columns = (*merged.key, *merged.columns.values())
        symbol_bytes = sum(len(symbol) for column in all_columns for symbol in column.symbols or ())
        if symbol_bytes > SYMBOL_BYTES_MAX:
            raise Refused(f"the symbols of {new.name} would have {symbol_bytes} bytes", "dataset-full")
        self.datasets[new.name] = merged


def unite(old: Dataset, new: Dataset) -> Dataset:
    """A dataset and a later record of it; raises Refused where they contradict each other."""
    if [(c.name, c.type) for c in old.key] != [(c.name, c.type) for c in new.key]:
        raise Refused(f"another key of dataset {old.name}", "key-changed")
    key = tuple(replace(a, symbols=_unite_symbols(a, b)) for a, b in zip(old.key, new.key, strict=True))
    columns = dict(old.columns)
    for name, column in new.columns.items():
        held = columns.get(name)
        if held is None:
            columns[name] = replace(column, required=False)
            continue
        if held.type != column.type:
            raise Refused(f"column {name} is {held.type}, not {column.type}", "type-changed")
        columns[name] = replace(
            held, symbols=_unite_symbols(held, column), required=held.required and column.required
        )
    later = tuple(name for name in new.field_names if name not in old.field_names)
    return Dataset(old.name, key, columns, old.field_names + later)


def _unite_symbols(a: Column, b: Column) -> Symbols:
    return None if a.symbols is None or b.symbols is None else a.symbols | b.symbols


def read_schema(schema: dict[str, Any]) -> Dataset:
    """One dataset record's Avro schema; raises Refused for every form that is not in the rules."""
    _check_members(schema, {"type", "name", "fields", "key"}, {"namespace": _is_text, "doc": _is_text})
    if schema["type"] != "record":
        raise Refused("a schema that is no record")
    name = _name_of(schema["name"])
    if not isinstance(schema["fields"], list):
        raise Refused("fields is no array")
    fields: dict[str, tuple[Column, bool]] = {}
    for item in schema["fields"]:
        column, is_union = _read_field(item)
        if column.name in fields:
            raise Refused(f"field {column.name} twice")
        fields[column.name] = column, is_union
    key = _read_key(schema["key"], fields)
    columns = {n: column for n, (column, _) in fields.items() if n not in schema["key"]}
    return Dataset(name, key, columns, tuple(fields))


def _read_key(names: Any, fields: dict[str, tuple[Column, bool]]) -> tuple[Column, ...]:
    if not isinstance(names, list) or not 1 <= len(names) <= KEY_PARTS_MAX:
        raise Refused(f"key is no array of 1 to {KEY_PARTS_MAX} names")
    key: list[Column] = []
    for name in names:
        if not isinstance(name, str) or name not in fields:
            raise Refused(f"key names {name!r}, which is no field")
        column, is_union = fields[name]
        if column in key:
            raise Refused(f"key names {name} twice")
        if is_union or column.required or column.type not in KEY_TYPES:
            raise Refused(f"key field {name} is a union, required or of a type that cannot be a key")
        key.append(column)
    return tuple(key)


def _read_field(item: Any) -> tuple[Column, bool]:
    optional = {"required": _is_bool, "doc": _is_text, "default": lambda value: value is None}
    _check_members(item, {"name", "type"}, optional)
    name = _name_of(item["name"])
    kind = item["type"]
    is_union = isinstance(kind, list)
    if is_union:
        others = [branch for branch in kind if branch != "null"]
        if len(kind) != 2 or len(others) != 1:
            raise Refused(f"field {name}: a union that is not null and one other type")
        kind = others[0]
    column_type, symbols = _read_type(kind, name)
    return Column(name, column_type, symbols, item.get("required", False)), is_union


def _read_type(kind: Any, name: str) -> tuple[str, Symbols]:
    if isinstance(kind, str):
        kind = {"type": kind}
    if isinstance(kind, dict) and kind.get("type") == "enum":
        return "string", _read_symbols(kind, name)
    _check_members(kind, {"type"}, {"logicalType": _is_text})
    avro_type, logical = kind["type"], kind.get("logicalType")
    found = _TYPES.get((avro_type, logical)) if isinstance(avro_type, str) else None
    if found is None:
        raise Refused(f"field {name}: type {avro_type!r}, logical type {logical!r}")
    return found, None


def _read_symbols(kind: dict[str, Any], name: str) -> frozenset[str]:
    _check_members(kind, {"type", "name", "symbols"}, {"namespace": _is_text, "doc": _is_text})
    symbols = kind["symbols"]
    if not isinstance(symbols, list) or not symbols:
        raise Refused(f"field {name}: an enum without symbols")
    for text in (kind["name"], *symbols):
        if not isinstance(text, str) or not _AVRO_NAME.fullmatch(text):
            raise Refused(f"field {name}: {text!r} is no Avro name")
    if len(set(symbols)) != len(symbols):
        raise Refused(f"field {name}: a symbol twice")
    return frozenset(symbols)


def _check_members(value: Any, needed: set[str], optional: dict[str, Callable[[Any], bool]]) -> None:
    if not isinstance(value, dict):
        raise Refused(f"{value!r} where an object is asked for")
    missing, unknown = needed - value.keys(), value.keys() - needed - optional.keys()
    if missing or unknown:
        raise Refused(f"missing members {sorted(missing)}, unknown ones {sorted(unknown)}")
    for name, check in optional.items():
        if name in value and not check(value[name]):
            raise Refused(f"member {name}")


def _name_of(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Refused(f"name {value!r}")
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)
