"""The Merkle tree of RFC 9162, section 2.1: SHA-256, leaves and nodes told apart by a first byte."""

from collections.abc import Sequence
from hashlib import sha256

DIGEST_BYTES = 32
LEAVES_MAX = 65_536


def hash_leaf(value: bytes) -> bytes:
    return sha256(b"\x00" + value).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root_and_paths(leaves: Sequence[bytes]) -> tuple[bytes, list[list[bytes]]]:
    """The tree of at least one leaf, split from the top as the RFC has it; each leaf's path from its sibling upwards."""
    if len(leaves) == 1:
        return leaves[0], [[]]
    left_size = _left_size(len(leaves))
    left, left_paths = root_and_paths(leaves[:left_size])
    right, right_paths = root_and_paths(leaves[left_size:])
    paths = [[*path, right] for path in left_paths] + [[*path, left] for path in right_paths]
    return hash_node(left, right), paths


def _left_size(count: int) -> int:
    """The greatest power of two below the count."""
    return 1 << ((count - 1).bit_length() - 1)


def path_length(index: int, count: int) -> int:
    """Nodes in the path of a leaf, by the same split."""
    nodes = 0
    while count > 1:
        left_size = _left_size(count)
        if index < left_size:
            count = left_size
        else:
            index, count = index - left_size, count - left_size
        nodes += 1
    return nodes


def root_of_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Where a leaf and its path lead (RFC 9162, 2.1.3.2); None for a path of another length than it has to have."""
    place, last = index, count - 1
    digest = leaf
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            digest = hash_node(sibling, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            digest = hash_node(digest, sibling)
        place, last = place >> 1, last >> 1
    return digest if last == 0 else None
