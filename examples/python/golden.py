"""Checks every vector of schemas/golden against this implementation, a line a file; exit 1 at differences."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from golden_checks import signatures, state, values

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
DIFFERENCES_SHOWN = 10

# Gives the number of checks made, and a line for each that failed.
FileCheck = Callable[[Any], tuple[int, list[str]]]

CHECKS: dict[str, FileCheck] = {
    "stamps.json": values.check_stamps,
    "values.json": values.check_values,
    "canonical-json.json": values.check_canonical_json,
    "typed.json": values.check_typed,
    "messages.json": state.check_messages,
    "verdicts.json": state.check_verdicts,
    "definitions.json": state.check_definitions,
    "merge.json": state.check_merge,
    "signatures.json": signatures.check_signatures,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--golden", type=Path, default=SCHEMAS / "golden", help="the directory of the vectors"
    )
    directory: Path = parser.parse_args().golden
    failed = False
    for path in sorted({directory / name for name in CHECKS} | set(directory.glob("*.json"))):
        problem, differences = "", []
        if path.name not in CHECKS:
            problem = "no check for this file"
        elif not path.exists():
            problem = "missing"
        else:
            count, differences = CHECKS[path.name](json.loads(path.read_text(encoding="utf-8")))
            problem = "no vectors" if count == 0 else f"{len(differences)} differences" if differences else ""
            print(f"{path.name}: {count} checks, {problem or 'all agree'}")
        if problem and not differences:
            print(f"{path.name}: {problem}", file=sys.stderr)
        for line in differences[:DIFFERENCES_SHOWN]:
            print(f"  {line}", file=sys.stderr)
        failed = failed or problem != ""
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
