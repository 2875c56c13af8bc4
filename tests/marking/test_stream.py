from __future__ import annotations

import numpy as np
from scipy import stats

from taggant.marking.stream import bits, derive, gaussians, stream, uniforms, unit_vectors

KEY = derive(bytes(32), "test")


def test_streams_depend_on_secret_purpose_and_index_and_on_nothing_else():
    assert stream(KEY, 3, 64) == stream(KEY, 3, 64)
    assert stream(KEY, 3, 64)[:16] == stream(KEY, 3, 16)
    others = [
        stream(KEY, 4, 16),
        stream(derive(bytes(32), "other"), 3, 16),
        stream(derive(bytes([1] * 32), "test"), 3, 16),
    ]
    assert len({stream(KEY, 3, 16), *others}) == 4


def test_draws_of_an_index_do_not_depend_on_the_others():
    for draw in (bits, uniforms, gaussians, unit_vectors):
        every = draw(KEY, np.arange(9), 40)
        assert np.array_equal(draw(KEY, [7, 2], 40), every[[7, 2]])


def test_uniforms_and_gaussians_have_their_law():
    assert stats.kstest(uniforms(KEY, range(50), 1000).ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(gaussians(KEY, range(50), 1000).ravel(), "norm").pvalue > 1e-3
    assert abs(bits(KEY, range(50), 1000).mean() - 0.5) < 4 * 0.5 / 50_000**0.5


def test_unit_vectors_are_uniform_on_the_sphere():
    d, count = 24, 4000
    drawn = unit_vectors(KEY, range(count), d).astype(np.float64)
    assert np.allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-6)
    # The cosine with any fixed direction is 2 Beta((d-1)/2, (d-1)/2) - 1; neighbours are
    # independent, so their cosine has that law too.
    law = stats.beta((d - 1) / 2, (d - 1) / 2, loc=-1, scale=2)
    fixed = np.ones(d) / d**0.5
    assert stats.kstest(drawn @ fixed, law.cdf).pvalue > 1e-3
    assert stats.kstest(drawn[:, 0], law.cdf).pvalue > 1e-3
    assert stats.kstest((drawn[::2] * drawn[1::2]).sum(1), law.cdf).pvalue > 1e-3
