import math
import subprocess
import sys
import time

import numpy as np
import pytest

from taggant import stats
from taggant.stats import Beta
from taggant.stats.__main__ import main
from taggant.stats.planning import plan


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


def test_queries_are_those_of_all_versions_and_views():
    law = Beta.with_mean(0.01)
    one, many = (plan(100, 0.05, law, views=views).rows[0] for views in (1, 16))
    assert (many.power, many.reads_used) == (one.power, one.reads_used)
    assert one.queries_used == 1 + one.reads_used
    assert many.queries_used == 16 * one.queries_used
    assert many.queries_unused == 16 * (1 + many.reads_unused)


def test_plan_errors():
    with pytest.raises(ValueError, match=r"views=0: accepted are integers >= 1"):
        plan(100, 0.05, Beta(1, 50), views=0)
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
    assert main(["plan-set", "--images", "40", "--used", "0.3", "--n", "100"]) == 0
    assert "chance of no claim at all" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--p 0.05 --n 40 --plot nowhere/plan.png", "--plot nowhere/plan.png: accepted is a file"),
        ("--p 0.05 --n 40 --plot plan.doc", "--plot plan.doc: accepted are names that end in"),
        ("--p 0.05 --n 40 --plot plan", "accepted are names that end in"),
        ("--p nan", "p='nan' is not a finite number"),
        ("--p 0.05 --n 1" + 30 * "0", "n=1000000000000000000000000000000: accepted are integers 2"),
        ("--p 0.05 --n 40 --power nan", "power=nan: accepted are numbers 0 <= power <= 1"),
        ("--p 0.05 --n 40 --budget nan", "budget=nan: accepted are"),
        ("--p 0.05 --n 40 --mean nan", "mean=nan: accepted are numbers 0 < mean < 1"),
        ("--p 0.05 --n 40 --shape inf", "a=inf: accepted are numbers 0 < a < inf"),
    ],
)
def test_what_is_typed_wrong_is_named(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plan", *words.split()]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


def test_numbers_of_any_integer_type():
    law, tests = Beta(1, 50), {"rank": stats.rank}
    expected = [row.n for row in plan(100, 0.05, law, tests=tests).rows]
    for n in (np.int64(100), [100], np.array([100]), (np.int32(100),), range(100, 101)):
        assert [row.n for row in plan(n, 0.05, law, tests=tests).rows] == expected == [100]


@pytest.mark.parametrize(
    "n", [[], (), np.array([]), "100", 100.5, math.inf, math.nan, 10**30, [None], [100, 1], True]
)
def test_numbers_of_versions_that_are_none(n):
    with pytest.raises(ValueError, match=r"n=.*accepted are"):
        plan(n, 0.05, Beta(1, 50))


@pytest.mark.parametrize("p", [None, math.inf, math.nan, 10**30, "", [], -0.1, 1, True])
def test_levels_that_are_none(p):
    with pytest.raises(ValueError, match=r"p=.*accepted"):
        plan(100, p, Beta(1, 50))


def test_laws_that_are_none():
    with pytest.raises(ValueError, match="alternative=None: accepted are laws"):
        plan(100, 0.05, None)


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


def test_a_test_just_good_enough_is_recommended():
    law, tests = Beta(1, 50), {"rank": stats.rank}
    (row,) = plan(100, 0.05, law, tests=tests).rows
    assert plan(100, 0.05, law, row.power, row.reads_used, tests).recommended == row
    assert plan(100, 0.05, law, np.nextafter(row.power, 1), tests=tests).recommended is None
    assert plan(100, 0.05, law, budget=98.5, tests=tests).recommended is None
    assert plan(100, 0.05, law, budget=0, tests=tests).recommended is None
    assert plan(100, 0.05, law, power=0, tests=tests).recommended == row
    with pytest.raises(ValueError, match="budget=-1: accepted are numbers 0 <= budget <= inf"):
        plan(100, 0.05, law, budget=-1)
    with pytest.raises(ValueError, match="power=2: accepted are numbers 0 <= power <= 1"):
        plan(100, 0.05, law, power=2)


def test_of_equal_reads_fewer_versions_are_recommended():
    law, tests = Beta(1, 50), {"besag_clifford": stats.besag_clifford}
    result = plan([300, 200], 0.05, law, tests=tests)
    assert result.rows[0].reads_used == pytest.approx(result.rows[1].reads_used)
    assert result.recommended.n == 200
