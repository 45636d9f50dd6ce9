"""Who may write: what holds at a place of a partition, and what policies and closes make of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .control import integer_of
from .refusal import Refused


@dataclass(frozen=True, slots=True)
class Rule:
    """None: all of them."""

    signers: frozenset[str] | None
    datasets: frozenset[str] | None
    operations: frozenset[str]
    columns: frozenset[str] | None

    def is_about(self, signer: str, dataset: str, operation: str) -> bool:
        return (
            operation in self.operations
            and (self.datasets is None or dataset in self.datasets)
            and (self.signers is None or signer in self.signers)
        )


@dataclass(frozen=True, slots=True)
class Guarded:
    """What holds at a place of a partition of a guarded log: version 0 is the genesis."""

    version: int
    admins: frozenset[str]
    rules: tuple[Rule, ...] = ()
    unsigned: bool = False
    closed: bool = False


# None: an open log, in which none of this decides anything.
Standing = Guarded | None


def initial_standing(admins: Iterable[str]) -> Standing:
    """What holds at the beginning of every partition of a log whose genesis names these admins."""
    named = frozenset(admins)
    return Guarded(0, named) if named else None


def check_admin(standing: Guarded, signer: str | None) -> None:
    if signer not in standing.admins:
        raise Refused(f"{signer or 'nobody'} has signed it, who is no admin here", "not-admin")


def succeed(standing: Guarded, policy: dict[str, Any], signer: str | None) -> Guarded:
    """What holds behind a policy record; raises Refused for one that is not valid here."""
    check_admin(standing, signer)
    version = integer_of(policy["version"])
    if version != standing.version + 1:
        raise Refused(f"version {version} behind version {standing.version}", "wrong-version")
    rules = tuple(_rule_of(rule) for rule in policy["rules"])
    return Guarded(version, frozenset(policy["admins"]), rules, policy["unsigned"])


def close(standing: Guarded, record: dict[str, Any], generation: int, signer: str | None) -> Guarded:
    """What holds behind a close record; `generation` is that of the log's genesis."""
    check_admin(standing, signer)
    closed = integer_of(record["generation"])
    if closed != generation:
        raise Refused(f"a close of generation {closed} in generation {generation}", "wrong-generation")
    return replace(standing, closed=True)


def check_permitted(
    standing: Guarded, signer: str | None, dataset: str, operation: str, columns: Iterable[str]
) -> None:
    """Raises Refused where the signer may not write a mutation."""
    if standing.unsigned:
        return
    if signer is None:
        raise Refused("it is not signed", "unsigned")
    if signer in standing.admins:
        return
    rules = [rule for rule in standing.rules if rule.is_about(signer, dataset, operation)]
    if not rules:
        raise Refused(f"no rule lets {signer} {operation} rows of {dataset}", "not-allowed")
    for column in columns:
        if not any(rule.columns is None or column in rule.columns for rule in rules):
            raise Refused(f"no rule lets {signer} {operation} {column} of {dataset}", "not-allowed")


def _rule_of(rule: dict[str, Any]) -> Rule:
    return Rule(
        _set_of(rule["signers"]),
        _set_of(rule["datasets"]),
        frozenset(rule["operations"]),
        _set_of(rule["columns"]),
    )


def _set_of(names: Any) -> frozenset[str] | None:
    return None if names == "*" else frozenset(names)
