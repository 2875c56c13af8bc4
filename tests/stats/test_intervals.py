import numpy as np
import pytest
from scipy.stats import binom, binomtest

from taggant.stats import clopper_pearson


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (121, 200), (1, 1), (14, 200)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_against_scipy(k, n, confidence):
    expected = binomtest(k, n).proportion_ci(confidence, "exact")
    found = clopper_pearson(k, n, confidence)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], atol=1e-10)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.5])
def test_coverage_is_at_least_nominal(rate):
    n, k = 40, np.arange(41)
    inside = [clopper_pearson(i, n).low <= rate <= clopper_pearson(i, n).high for i in k.tolist()]
    assert binom.pmf(k, n, rate)[inside].sum() >= 0.95


@pytest.mark.parametrize(
    ("k", "n", "confidence"), [(3, 2, 0.9), (-1, 2, 0.9), (0, 0, 0.9), (1, 2, 1)]
)
def test_errors(k, n, confidence):
    with pytest.raises(ValueError, match="accepted"):
        clopper_pearson(k, n, confidence)
