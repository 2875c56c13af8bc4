from __future__ import annotations

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from scipy import stats

from taggant.marking.draws import DERIVATIONS
from taggant.marking.stream import (
    bits,
    bits_of,
    bits_on,
    derive,
    gaussians,
    rule_of,
    stream,
    tagged,
    uniforms,
    unit_vectors,
    unpacked,
    words_of,
)

KEYS = {rule: derive(tagged(bytes(32), rule), "test") for rule in DERIVATIONS}
every_rule = pytest.mark.parametrize("key", KEYS.values(), ids=map(str, KEYS))


def test_a_secret_and_its_keys_tell_the_rule():
    assert [rule_of(key) for key in KEYS.values()] == list(DERIVATIONS)
    assert tagged(bytes(32), 1) == bytes(32)  # as old ledgers have them
    assert len({key[:32] for key in KEYS.values()}) == len(KEYS)  # no key is used by two rules


def test_streams_of_the_second_rule_are_chacha20():
    """By another implementation of RFC 8439: 32 bits count blocks, the index is the nonce."""
    key, index = KEYS[2], 2**40 + 77
    nonce = bytes(4) + index.to_bytes(8, "little") + bytes(4)
    cipher = Cipher(algorithms.ChaCha20(key[:32], nonce), None).encryptor()
    assert stream(key, index, 200) == cipher.update(bytes(200))
    first = Cipher(algorithms.ChaCha20(key[:32], bytes(16)), None).encryptor()
    words = np.frombuffer(first.update(bytes(8 * 40)), "<u8")
    found = words_of([key] * 3, np.array([0, 7, 21]), 19)
    assert found.tolist() == [words[start : start + 19].tolist() for start in (0, 7, 21)]


@every_rule
def test_words_are_had_from_any_place_on(key):
    whole = np.frombuffer(stream(key, 0, 8 * 60), "<u8")
    other = derive(key, "other")
    found = words_of([key, other, key], np.array([3, 0, 50]), 10)
    assert found[[0, 2]].tolist() == [whole[3:13].tolist(), whole[50:60].tolist()]
    assert found[1].tolist() == np.frombuffer(stream(other, 0, 80), "<u8").tolist()


@every_rule
def test_coins_made_on_a_device_are_those_made_here(key):
    streams = [(key, 5), (derive(key, "other"), 2**33)]
    here = bits_of(streams, 700)
    for device in ["cpu", *["cuda"] * torch.cuda.is_available()]:
        assert bits_on(torch.device(device), streams, 700).cpu().tolist() == here.tolist()
    packed = torch.from_numpy(np.packbits(here, axis=1)[:, :84].copy())
    assert unpacked(packed.view(torch.int32)).tolist() == here[:, : 84 * 8].tolist()


@every_rule
def test_streams_depend_on_secret_purpose_and_index_and_on_nothing_else(key):
    assert stream(key, 3, 64) == stream(key, 3, 64)
    assert stream(key, 3, 64)[:16] == stream(key, 3, 16)
    others = [
        stream(key, 4, 16),
        stream(derive(tagged(bytes(32), rule_of(key)), "other"), 3, 16),
        stream(derive(tagged(bytes([1] * 32), rule_of(key)), "test"), 3, 16),
    ]
    assert len({stream(key, 3, 16), *others}) == 4


@every_rule
def test_draws_of_an_index_do_not_depend_on_the_others(key):
    for draw in (bits, uniforms, gaussians, unit_vectors):
        every = draw(key, np.arange(9), 40)
        assert np.array_equal(draw(key, [7, 2], 40), every[[7, 2]])


@every_rule
def test_uniforms_and_gaussians_have_their_law(key):
    assert stats.kstest(uniforms(key, range(50), 1000).ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(gaussians(key, range(50), 1000).ravel(), "norm").pvalue > 1e-3
    assert abs(bits(key, range(50), 1000).mean() - 0.5) < 4 * 0.5 / 50_000**0.5


@every_rule
def test_unit_vectors_are_uniform_on_the_sphere(key):
    d, count = 24, 4000
    drawn = unit_vectors(key, range(count), d).astype(np.float64)
    assert np.allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-6)
    # The cosine with any fixed direction is 2 Beta((d-1)/2, (d-1)/2) - 1; neighbours are
    # independent, so their cosine has that law too.
    law = stats.beta((d - 1) / 2, (d - 1) / 2, loc=-1, scale=2)
    fixed = np.ones(d) / d**0.5
    assert stats.kstest(drawn @ fixed, law.cdf).pvalue > 1e-3
    assert stats.kstest(drawn[:, 0], law.cdf).pvalue > 1e-3
    assert stats.kstest((drawn[::2] * drawn[1::2]).sum(1), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("order", [(1, 2, 1, 2), (2, 1, 1, 2), (1, 1, 2, 2)])
def test_a_stream_is_the_same_beside_those_of_another_rule(order):
    keys = [derive(tagged(bytes([i]) * 32, rule), "test") for i, rule in enumerate(order)]
    streams = [(key, 3 + i) for i, key in enumerate(keys)]
    alone = [bits_of([each], 50)[0] for each in streams]
    assert np.array_equal(bits_of(streams, 50), alone)
    assert np.array_equal(bits_on(torch.device("cpu"), streams, 50), alone)
    first = np.arange(4)
    words = [words_of([key], first[[i]], 5)[0] for i, key in enumerate(keys)]
    assert np.array_equal(words_of(keys, first, 5), words)
