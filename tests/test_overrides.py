"""What somebody types on the command line is taken, or answered by how to type it."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from taggant.overrides import in_any_order, quoted, unreadable


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        (["threads=1", "-m", "seed=0,1"], ["-m", "threads=1", "seed=0,1"]),
        (["a=1", "--config-name", "other", "+b=2"], ["--config-name", "other", "a=1", "+b=2"]),
        (["-m", "a=1"], ["-m", "a=1"]),
        (["~a", "--cfg", "job", "b=2"], ["--cfg", "job", "~a", "b=2"]),
        (["a=-1", "-m"], ["-m", "a=-1"]),
        ([], []),
    ],
)
def test_flags_may_come_anywhere(typed, taken):
    assert in_any_order(typed) == taken


@pytest.mark.parametrize(
    "value", ["a=b", "photos (1)", "x/(2)", "it's", 'say "cheese"', "[1", "{a", "a:b (c)", "é=à"]
)
def test_a_value_that_hydra_cannot_read_is_shown_as_it_can(value):
    said = unreadable(["seed=0", f"data.root={value}"], sweeps=False)
    assert said is not None
    assert said.startswith(f"data.root = {value}: ")
    (shown,) = shlex.split(said.rpartition("quoted: ")[2])
    assert OverridesParser.create().parse_override(shown).value() == value


def test_the_home_folder_is_written_out(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me (2)")
    said = unreadable(["data.root=~/pictures"], sweeps=True)
    assert said is not None
    assert said.endswith("""'data.root="/home/me (2)/pictures"'""")
    assert quoted("a", "b") == """'a="b"'"""


def test_a_comma_is_a_sweep_or_quoted():
    typed = ["data.root=my, own"]
    assert unreadable(typed, sweeps=True) is None
    assert "-m" in (said := unreadable(typed, sweeps=False) or "")
    assert said.endswith("""'data.root="my, own"'""")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("seed", "seed: accepted are KEY=VALUE, +KEY=VALUE and ~KEY"),
        ("logger=null", "logger = null: accepted are csv, tensorboard, wandb; ~logger leaves"),
        ("score/access=null", "score/access = null: accepted are embedding, full, label"),
        ("audit/test=null", "audit/test = null: accepted are besag_clifford, optimal, pprm, rank"),
    ],
)
def test_what_is_no_override_says_what_is(typed, said):
    assert (unreadable([typed], sweeps=True) or "").startswith(said)


def test_what_can_be_read_is_left_alone():
    fine = ["-m", "+experiment=smoke", "~logger", "a.b=null", "data.root='a=b'", "p=[1,2]", "x="]
    assert unreadable(fine, sweeps=True) is None
