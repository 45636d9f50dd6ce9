"""A private key at work: messages signed, alone or together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .eip191 import ORDER, address_of, sign_eip191
from .merkle import LEAVES_MAX, hash_leaf, root_and_paths
from .refusal import Refused
from .signature import SignatureHeader, signed_text, write_header


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`key`: what a header carries of it; `sign` signs a text."""

    scheme: str
    key: bytes
    sign: Callable[[bytes], bytes]

    def signer(self) -> str:
        return f"{self.scheme}:{self.key.hex()}"


def ed25519_key(secret: bytes) -> SigningKey:
    """From the 32 bytes that RFC 8032 calls the private key."""
    return _of_ed25519(Ed25519PrivateKey.from_private_bytes(secret))


def eip191_key(secret: bytes) -> SigningKey:
    """From the 32 bytes of the secret number, big-endian."""
    if not 0 < int.from_bytes(secret, "big") < ORDER:
        raise Refused("the secret number is none that secp256k1 has")
    return SigningKey("eip191", address_of(secret), lambda text: sign_eip191(secret, text))


def read_key(text: str) -> SigningKey:
    """A private key as a file has it: PEM (PKCS #8) of either kind, or 64 hex digits as a wallet exports them."""
    text = text.strip()
    digits = text.removeprefix("0x")
    if len(digits) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
        return eip191_key(bytes.fromhex(digits))
    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError):
        raise Refused("the key is neither PEM without a passphrase nor 64 hex digits") from None
    if isinstance(key, Ed25519PrivateKey):
        return _of_ed25519(key)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256K1):
        return eip191_key(key.private_numbers().private_value.to_bytes(32, "big"))
    raise Refused("the key is neither of Ed25519 nor of secp256k1")


def _of_ed25519(key: Ed25519PrivateKey) -> SigningKey:
    return SigningKey("ed25519", key.public_key().public_bytes_raw(), key.sign)


def sign_together(key: SigningKey, log_id: str, values: Sequence[bytes]) -> list[bytes]:
    """One signature for all; gives the content of each message's signature header, in their order."""
    if not 1 <= len(values) <= LEAVES_MAX:
        raise Refused(f"1 to {LEAVES_MAX} messages are signed together, not {len(values)}")
    count = len(values)
    root, paths = root_and_paths([hash_leaf(value) for value in values])
    signature = key.sign(signed_text(log_id, count, root))
    return [
        write_header(SignatureHeader(key.scheme, key.key, signature, count, index, tuple(path)))
        for index, path in enumerate(paths)
    ]
