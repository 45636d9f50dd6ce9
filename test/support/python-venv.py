"""Makes the tests' virtual environment: python-venv.py DIRECTORY REQUIREMENTS. One process at a time."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys


def main(directory, requirements):
    if sys.version_info < (3, 11):
        sys.exit("Python %d.%d is too old: install Python 3.11 or later" % sys.version_info[:2])
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        sys.exit("Python has no module venv: install it (Debian, Ubuntu: apt-get install python3-venv)")
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    with open(directory + ".lock", "w") as lock, open(requirements, "rb") as file:
        # The system frees it when this process ends, however it ends.
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256(file.read() + sys.version.encode()).hexdigest()
        marker = os.path.join(directory, "made-from")
        if read(marker) == wanted:
            return
        shutil.rmtree(directory, ignore_errors=True)
        venv.create(directory, with_pip=True)
        pip = [os.path.join(directory, "bin", "python"), "-m", "pip", "--disable-pip-version-check"]
        if subprocess.run(pip + ["install", "--quiet", "-r", requirements], stdout=sys.stderr).returncode != 0:
            sys.exit("pip could not install %s: is a package index within reach?" % requirements)
        with open(marker, "w") as made:
            made.write(wanted)


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None


main(*sys.argv[1:])
