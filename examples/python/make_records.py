"""Signed messages without a log: JSON lines on stdin to records as `POST /v1/records` of a node takes them, on stdout.

The private key stays here: whoever passes the records on can neither change them nor make others.
"""

import argparse
import json
import sys
from base64 import b64encode
from pathlib import Path

from messages import LINE, Signer, make_messages
from spindexer_format.refusal import Refused
from spindexer_format.signing_key import read_key


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, epilog=LINE)
    parser.add_argument("--log-id", required=True, help="the id of the log, as `spindexer log check` says it")
    parser.add_argument("--key", type=Path, required=True, help="a file with the private key that signs")
    parser.add_argument("--together", type=int, default=512, help="how many messages are signed together")
    arguments = parser.parse_args()
    try:
        signer = Signer(read_key(arguments.key.read_text()), arguments.log_id, arguments.together)
        lines = (json.loads(line) for line in sys.stdin.buffer if line.strip())
        for message in make_messages(lines, None, signer):
            record = {"value": _text(message.value), "signature": _text(message.signature or b"")}
            print(json.dumps(record))
    except (Refused, OSError, ValueError, KeyError) as error:
        print(f"make_records: {error}", file=sys.stderr)
        return 1
    return 0


def _text(content: bytes) -> str:
    return b64encode(content).decode()


if __name__ == "__main__":
    sys.exit(main())
