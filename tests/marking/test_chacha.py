"""The block function, by the vectors of RFC 8439, and as tensors of either kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from taggant.marking import chacha
from taggant.marking.chacha import keystream

ZERO, ONE = bytes(32), bytes(31) + b"\x01"
VECTORS = {
    "A.1 #1": (ZERO, 0, 0, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"),
    "A.1 #2": (ZERO, 1, 0, "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"),
    "A.1 #3": (ONE, 1, 0, "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"),
    "A.1 #4": (
        b"\x00\xff" + bytes(30),
        2,
        0,
        "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca",
    ),
}


def blocks(key: bytes, stream: int, first: int, count: int = 1) -> bytes:
    words = torch.from_numpy(np.frombuffer(key, "<i4").copy())[None]
    drawn = keystream(words, torch.tensor([stream]), torch.tensor([first]), count)
    return drawn.numpy().tobytes()


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_rfc(name):
    key, first, stream, begins = VECTORS[name]
    assert blocks(key, stream, first)[:32].hex() == begins


def test_the_example_of_the_rfc_with_all_its_nonce():
    """Section 2.3.2: the block function itself, on a state with a nonce of 96 bits."""
    words = "61707865 3320646e 79622d32 6b206574 03020100 07060504 0b0a0908 0f0e0d0c"
    words += " 13121110 17161514 1b1a1918 1f1e1d1c 00000001 09000000 4a000000 00000000"
    state = np.array([int(word, 16) for word in words.split()], np.uint32)[:, None]
    expected = "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
    expected += "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    for made in (state_made(state), state_made(torch.from_numpy(state.view(np.int32)))):
        assert made.hex() == expected


def state_made(state) -> bytes:
    if isinstance(state, torch.Tensor):
        made = chacha._blocks(state, chacha._rotated, torch.cat)
        return made.numpy().tobytes()
    return chacha._blocks(state, chacha._rotated_unsigned, np.concatenate).tobytes()


def test_any_key_stream_and_place_as_another_implementation_has_it():
    random = np.random.default_rng(0)
    keys = random.integers(0, 256, (5, 32), dtype=np.uint8)
    streams, first = [0, 1, 2**31, 2**40 + 7, 2**63 - 1], [0, 1, 2**31, 2**32 - 3, 5]
    words = torch.from_numpy(keys.view("<i4").copy())
    made = keystream(words, torch.tensor(streams), torch.tensor(first), 3)
    for key, stream, start, row in zip(keys, streams, first, made, strict=True):
        nonce = start.to_bytes(4, "little") + stream.to_bytes(8, "little") + bytes(4)
        cipher = Cipher(algorithms.ChaCha20(key.tobytes(), nonce), None).encryptor()
        assert row.numpy().tobytes() == cipher.update(bytes(192))
    alone = keystream(words[3:4], torch.tensor(streams[3:4]), torch.tensor(first[3:4]) + 1, 1)
    assert torch.equal(alone[0], made[3, 16:32])  # whatever else is asked for


def test_both_kinds_of_words_and_any_number_at_once_are_the_same_bit_for_bit(monkeypatch):
    state = np.random.default_rng(1).integers(0, 2**32, (16, 40), dtype=np.uint32)
    signed = torch.from_numpy(state.view(np.int32).copy())
    assert state_made(state) == state_made(signed)
    keys = torch.from_numpy(state[:8].view(np.int32).T.copy())
    where = torch.arange(40) * 2**30, torch.arange(40)
    whole = keystream(keys, *where, 2)
    monkeypatch.setattr(chacha, "AT_ONCE", 7)
    assert torch.equal(keystream(keys, *where, 2), whole)
