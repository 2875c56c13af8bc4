import subprocess
import sys
import time

import numpy as np
import pytest

from taggant import stats
from taggant.stats import Beta
from taggant.stats.__main__ import main
from taggant.stats.planning import plan, plan_set


def test_recommendation_is_the_cheapest_that_suits():
    law = Beta.with_mean(0.01)
    result = plan([100, 200], 0.05, law, power=0.95, budget=200)
    suited = [row for row in result.rows if row.power >= 0.95 and row.reads_used <= 200]
    assert result.recommended is min(suited, key=lambda row: row.reads_used)
    for row in result.rows:
        assert row.size <= 0.05 * (1 + 1e-12)
    assert plan(100, 0.05, law, power=0.999).recommended is None
    assert plan(None, 0.1, law, power=0.9).recommended is not None
    names = {name for name, _, _ in plan(20, 0.05, law).excluded}
    assert "pprm" in names  # shown with its reason, not dropped


def test_plan_set_predicts_what_benjamini_hochberg_keeps():
    """300 images, 30 % used: none from p = .05 stops, nearly all of the full ranks' by plan."""
    law, n, m = Beta.with_mean(0.01), 1000, 300
    result = plan_set(m, 0.05, 0.3, law, n=n)
    assert result.n_least <= n
    rng = np.random.default_rng(0)
    stopped = stats.optimal(n, 0.05)
    kept = np.zeros((40, 3))
    wrong = []
    for k in range(40):
        q = np.where(np.arange(m) < 90, rng.beta(1, law.b, m), rng.random(m))
        bits = rng.random((m, n - 1)) < q[:, None]
        p_values = (
            (bits.sum(axis=1) + 1) / n,
            result.boundary.run(bits).p_value,
            stopped.run(bits).p_value,
        )
        claims = [stats.benjamini_hochberg(p, 0.05).rejected for p in p_values]
        kept[k] = [c.sum() for c in claims]
        wrong.append(claims[1][90:].sum() / max(claims[1].sum(), 1))
    full, planned, naive = kept.mean(axis=0)
    assert naive == 0
    assert planned > 0.85 * full
    assert planned == pytest.approx(result.discoveries, rel=0.15)
    assert full == pytest.approx(result.discoveries_full, rel=0.1)
    assert np.mean(wrong) <= 0.05
    assert result.reads_used < n / 2
    assert result.reads_unused < n / 30


def test_plan_errors():
    with pytest.raises(ValueError, match="no level balances"):
        plan_set(300, 0.05, 0.3, Beta.with_mean(0.4), n=1000)
    with pytest.raises(ValueError, match="used=0"):
        plan_set(300, 0.05, 0, Beta.with_mean(0.01))
    with pytest.raises(ValueError, match="power=2"):
        plan(100, 0.05, Beta(1, 50), power=2)
    with pytest.raises(ValueError, match="no test exists"):
        plan(20, 0.01, Beta(1, 50))


def test_command_line(tmp_path, capsys):
    figure = tmp_path / "plan.png"
    status = main(
        ["plan", "--n", "40", "100", "--p", "0.05", "--power", "0.9", "--plot", str(figure)]
    )
    shown = capsys.readouterr().out
    assert status == 0
    assert "Recommended: optimal" in shown
    assert figure.stat().st_size > 1000
    assert main(["plan", "--n", "40", "--p", "0.05", "--power", "0.99"]) == 1
    assert main(["plan", "--n", "20", "--p", "0.01"]) == 2
    assert "accepted" in capsys.readouterr().err
    assert main(["plan-set", "--images", "300", "--used", "0.3", "--n", "400"]) == 0


def test_statistics_import_no_torch_and_no_plotting():
    code = (
        "import sys, taggant.stats; "
        "assert not {'torch', 'matplotlib', 'pandas'} & set(sys.modules), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_versions_tried_when_none_are_given_are_bounded():
    law, tests = Beta.with_mean(0.01), {"rank": stats.rank}
    assert [row.n for row in plan(None, "0.0001", law, tests=tests).rows] == [
        10_000,
        20_000,
        30_000,
        50_000,
    ]
    assert [row.n for row in plan(None, "0.00001", law, tests=tests).rows] == [100_000]


@pytest.mark.slow
def test_a_level_of_one_in_ten_thousand_is_planned_within_five_seconds(capsys):
    start = time.process_time()
    assert main(["plan", "--p", "0.0001"]) == 0
    assert time.process_time() - start < 5
    assert "Recommended" in capsys.readouterr().out
