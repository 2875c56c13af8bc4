"""The public beacon drand quicknet: when a round is out, and whether its value is signed.

Rounds are signatures (BLS12-381, RFC 9380) of the League of Entropy over the round's number; nobody
can make one before its time, or another one. The chain's numbers are those that it publishes.
"""

from __future__ import annotations

import hashlib
import re
import sys
from datetime import datetime, timedelta, timezone

from taggant.extras import library

NAME = re.compile(r"drand quicknet round ([1-9][0-9]{0,11})")
"""How a beacon is named."""
GENESIS, PERIOD = datetime(2023, 8, 23, 15, 9, 27, tzinfo=timezone.utc), timedelta(seconds=3)
"""Round 1 was out at the first, and each other one so much after the one before."""
PUBLIC_KEY = bytes.fromhex(
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
)
DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
SIGNATURE = re.compile(r"[0-9a-f]{96}")
RANDOMNESS = re.compile(r"[0-9a-f]{64}")
LAST = 10**10
"""Of the rounds that a date is told of; it is out in the year 2974."""


class BeaconError(ValueError):
    """A value that the beacon did not give, or a round that says nothing any more."""


def round_of(beacon: str) -> int | None:
    """The round that a beacon's name says; None for another beacon."""
    named = NAME.fullmatch(beacon)
    return None if named is None or int(named[1]) > LAST else int(named[1])


def out_at(number: int) -> datetime:
    """When a round is out."""
    return GENESIS + (number - 1) * PERIOD


def refuse_known(beacon: str) -> None:
    """Refuse a round that is out already: whoever names it knows what it will choose.

    Raises
    ------
    BeaconError
        With the rounds that are accepted.
    """
    number, now = round_of(beacon), datetime.now(timezone.utc)
    if number is not None and out_at(number) <= now:
        first = (now - GENESIS) // PERIOD + 2
        raise BeaconError(
            f"--beacon {beacon}: that round was out at {out_at(number).isoformat()}, and its value "
            f"is known; accepted are rounds from {first} on"
        )


def check_value(beacon: str, value: str) -> None:
    """Refuse what is not the randomness of a round: whoever may take another form of it chooses.

    Raises
    ------
    BeaconError
        If the beacon is a round, and the value has another form.
    """
    if round_of(beacon) is not None and not RANDOMNESS.fullmatch(value):
        raise BeaconError(
            f"the value {value!r} of {beacon}: accepted is its randomness, 64 hex digits in lower "
            "case (the SHA-256 of its signature)"
        )


def check_signature(beacon: str, value: str, signature: str) -> None:
    """Check that a beacon's value is the one that drand signed.

    Parameters
    ----------
    beacon : str
        Its name.
    value : str
        What it is said to have given: the round's randomness, in hex.
    signature : str
        As drand gives it, in hex.

    Raises
    ------
    BeaconError
        If it is not, or the name is none of a round.
    """
    number = round_of(beacon)
    if number is None:
        raise BeaconError(f"{beacon}: accepted are names such as 'drand quicknet round 40000000'")
    if not SIGNATURE.fullmatch(signature):
        raise BeaconError("--beacon-signature: accepted are 96 hex digits, as drand gives them")
    content = bytes.fromhex(signature)
    if value != hashlib.sha256(content).hexdigest():
        raise BeaconError(f"the value {value} does not follow from this signature of {beacon}")
    if not _signed(number, content):
        raise BeaconError(f"drand did not sign {beacon} like that")


def _signed(number: int, signature: bytes) -> bool:
    depth = sys.getrecursionlimit()
    library("py_ecc", "--beacon-signature")
    sys.setrecursionlimit(depth)  # it raises it, and JSON nested deeply would end the process
    from py_ecc.bls.hash_to_curve import hash_to_G1
    from py_ecc.bls.point_compression import decompress_G1, decompress_G2
    from py_ecc.bls.typing import G1Compressed, G2Compressed
    from py_ecc.optimized_bls12_381.optimized_curve import G2, curve_order, is_inf, multiply
    from py_ecc.optimized_bls12_381.optimized_pairing import pairing

    halves = int.from_bytes(PUBLIC_KEY[:48], "big"), int.from_bytes(PUBLIC_KEY[48:], "big")
    key = decompress_G2(G2Compressed(halves))
    try:
        point = decompress_G1(G1Compressed(int.from_bytes(signature, "big")))
    except ValueError:  # no point of the curve
        return False
    if is_inf(point) or not is_inf(multiply(point, curve_order)):
        return False
    message = hashlib.sha256(number.to_bytes(8, "big")).digest()
    hashed = hash_to_G1(message, DOMAIN, hashlib.sha256)  # type: ignore[arg-type]  # a constructor
    return pairing(G2, point) == pairing(key, hashed)
