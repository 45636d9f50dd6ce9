"""The signature header: its bytes, what is signed, and who has signed a message."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from .ed25519 import check_ed25519
from .eip191 import check_eip191
from .merkle import DIGEST_BYTES, LEAVES_MAX, hash_leaf, path_length, root_of_path
from .refusal import Refused

SIGNATURE_HEADER = "spindexer-signature"
_BAD = "bad-signature"
ROOTS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Scheme:
    name: str
    key_bytes: int
    signature_bytes: int


SCHEMES = {1: Scheme("ed25519", 32, 64), 2: Scheme("eip191", 20, 65)}
_NUMBERS = {scheme.name: number for number, scheme in SCHEMES.items()}
_CHECKS = {"ed25519": check_ed25519, "eip191": check_eip191}


@dataclass(frozen=True, slots=True)
class SignatureHeader:
    """`key`: the public key, or the address; `path` from the message's sibling upwards."""

    scheme: str
    key: bytes
    signature: bytes
    count: int
    index: int
    path: tuple[bytes, ...]

    def signer(self) -> str:
        return f"{self.scheme}:{self.key.hex()}"


def parse_header(content: bytes) -> SignatureHeader:
    """Raises Refused for bytes that are no header; whether the signature is right is not looked at."""
    scheme = SCHEMES.get(content[0]) if content else None
    if scheme is None:
        raise Refused(f"no scheme: {content[:1].hex() or 'nothing'}", _BAD)
    key_end = 1 + scheme.key_bytes
    signature_end = key_end + scheme.signature_bytes
    path_at = signature_end + 8
    if len(content) < path_at:
        raise Refused(f"a signature header of {len(content)} bytes", _BAD)
    count = int.from_bytes(content[signature_end : signature_end + 4], "big")
    index = int.from_bytes(content[signature_end + 4 : path_at], "big")
    if not 1 <= count <= LEAVES_MAX or index >= count:
        raise Refused(f"message {index} of {count}", _BAD)
    if len(content) - path_at != path_length(index, count) * DIGEST_BYTES:
        raise Refused(f"a path of {len(content) - path_at} bytes for message {index} of {count}", _BAD)
    return SignatureHeader(
        scheme.name,
        content[1:key_end],
        content[key_end:signature_end],
        count,
        index,
        tuple(content[at : at + DIGEST_BYTES] for at in range(path_at, len(content), DIGEST_BYTES)),
    )


def write_header(header: SignatureHeader) -> bytes:
    counts = header.count.to_bytes(4, "big") + header.index.to_bytes(4, "big")
    return b"".join((bytes([_NUMBERS[header.scheme]]), header.key, header.signature, counts, *header.path))


def signed_text(log_id: str, count: int, root: bytes) -> bytes:
    """What is signed: four lines without a newline at the end."""
    return f"spindexer signature 1\nlog {log_id}\nmessages {count}\nroot {root.hex()}".encode()


class Prover:
    """Says who has signed a message of one log. Roots that it has seen signed it does not verify again."""

    def __init__(self, log_id: str) -> None:
        self._log_id = log_id
        self._verified: OrderedDict[tuple[str, bytes, bytes, int, bytes], None] = OrderedDict()

    def signer_of(self, value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> str | None:
        """None: there is no signature header. Raises Refused, `bad-signature`, where it proves nothing."""
        for name, content in headers:
            if name == SIGNATURE_HEADER:
                return self.prove(value, content or b"")
        return None

    def prove(self, value: bytes, content: bytes) -> str:
        header = parse_header(content)
        root = root_of_path(hash_leaf(value), header.index, header.count, header.path)
        if root is None:
            raise Refused("a path of another length", _BAD)
        known = (header.scheme, header.key, header.signature, header.count, root)
        if known not in self._verified:
            text = signed_text(self._log_id, header.count, root)
            try:
                _CHECKS[header.scheme](header.key, text, header.signature)
            except Refused as refusal:
                raise Refused(str(refusal), _BAD) from None
            self._verified[known] = None
            if len(self._verified) > ROOTS_KEPT:
                self._verified.popitem(last=False)
        return header.signer()
