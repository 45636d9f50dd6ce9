"""Runs the unit tests of this directory; they need nothing but requirements.txt."""

import unittest
from pathlib import Path

if __name__ == "__main__":
    here = str(Path(__file__).resolve().parent)
    unittest.main(module=None, argv=["run_tests.py", "discover", "-s", f"{here}/tests", "-t", here])
