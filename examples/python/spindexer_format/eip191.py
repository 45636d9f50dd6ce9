"""Ethereum's personal signatures (EIP-191, version 0x45) with a low s, known by the signer's address."""

from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature, ValidationError

from .refusal import Refused

# The number of points of secp256k1.
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def hash_personal(text: bytes) -> bytes:
    """What a wallet signs when it is asked for a personal signature of the text."""
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)


def check_eip191(address: bytes, text: bytes, signature: bytes) -> None:
    """Raises Refused unless the signature (r, s, v) is of the text by the address."""
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (27, 28):
        raise Refused(f"v of the Ethereum signature is {v}, not 27 or 28")
    if s > ORDER // 2:
        raise Refused("s of the Ethereum signature is in the upper half, where each signature has a twin")
    if not 0 < r < ORDER or s == 0:
        raise Refused("r or s of the Ethereum signature is out of range")
    try:
        key = Signature(vrs=(v - 27, r, s)).recover_public_key_from_msg_hash(hash_personal(text))
    except (BadSignature, ValidationError):
        raise Refused("no point of secp256k1 has this r") from None
    if key.to_canonical_address() != address:
        raise Refused("the Ethereum signature is not of this text by this address")


def address_of(secret: bytes) -> bytes:
    return PrivateKey(secret).public_key.to_canonical_address()


def sign_eip191(secret: bytes, text: bytes) -> bytes:
    """r, s and v, with a low s; deterministic (RFC 6979)."""
    v, r, s = PrivateKey(secret).sign_msg_hash(hash_personal(text)).vrs
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + v])
