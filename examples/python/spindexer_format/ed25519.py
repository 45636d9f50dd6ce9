"""Ed25519 as these rules take it (RFC 8032 at its strictest), with the arithmetic that tells points of small order."""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .refusal import Refused

# RFC 8032, 5.1: the field, the group's order, the curve's constant, a square root of -1.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
KEYS_KEPT = 4096

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def check_ed25519(key: bytes, text: bytes, signature: bytes) -> None:
    """Raises Refused unless the signature (R, then S) is of the text by the key, without a cofactor."""
    if int.from_bytes(signature[32:], "little") >= ORDER:
        raise Refused("S of the Ed25519 signature is not below the group's order")
    if not is_sound_point(signature[:32]):
        raise Refused("R of the Ed25519 signature is not canonical, no point of the curve, or of small order")
    # What is left is OpenSSL's: that R is, byte for byte, the encoding of [S]B - [k]A.
    try:
        _public_key_of(key).verify(signature, text)
    except InvalidSignature:
        raise Refused("the Ed25519 signature is not of this text by this key") from None


@lru_cache(KEYS_KEPT)
def _public_key_of(key: bytes) -> Ed25519PublicKey:
    if not is_sound_point(key):
        raise Refused("the Ed25519 key is not canonical, no point of the curve, or of small order")
    return Ed25519PublicKey.from_public_bytes(key)


def is_sound_point(encoded: bytes) -> bool:
    """True for the canonical encoding of a point of which eight times is not the neutral element."""
    point = decode_point(encoded)
    if point is None:
        return False
    for _ in range(3):
        point = add(point, point)
    return point != NEUTRAL


def decode_point(encoded: bytes) -> Point | None:
    """RFC 8032, 5.1.3; None for what is no point, or is another encoding of one than `encode_point` gives."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_1 % P
    if x * x % P != square or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


def encode_point(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def add(a: Point, b: Point) -> Point:
    """RFC 8032, 5.1.4; complete: no two points are an exception."""
    xs, ys = a[0] * b[0], a[1] * b[1]
    product = D * xs * ys
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, -1, P)
    y = (ys + xs) * pow(1 - product, -1, P)
    return x % P, y % P
