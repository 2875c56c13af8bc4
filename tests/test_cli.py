"""Errors of the command line leave nothing behind in the process."""

from __future__ import annotations

import os

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.utils import instantiate

from taggant.cli import explain, explain_errors
from taggant.groups import CONF, compose_config, options_of


@pytest.mark.parametrize("before", [None, "0"])
@pytest.mark.parametrize("failing", [False, True])
def test_hydras_setting_is_as_it_was(monkeypatch, capsys, before, failing):
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    if before is not None:
        monkeypatch.setenv("HYDRA_FULL_ERROR", before)
    if failing:
        with pytest.raises(SystemExit), explain_errors(["victim.width=0"]):
            raise ValueError("victim.width=0: accepted is 1 or more")
        assert "error: victim.width=0: accepted is 1 or more" in capsys.readouterr().err
    else:
        with explain_errors([]):
            assert os.environ["HYDRA_FULL_ERROR"] == "1"
    assert os.environ.get("HYDRA_FULL_ERROR") == before


def failing(message, inner=None):
    """Fail, or pass on how another part fails."""
    if inner is not None:
        instantiate(inner)
    raise ValueError(message)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("data.train = 21000: tiny has only 1532", "data.train = 21000: tiny has only 1532"),
        ("no such colour", "data.part: no such colour"),
        ("/elsewhere/a.csv, line 3: 1 column", "data.part: /elsewhere/a.csv, line 3: 1 column"),
    ],
)
def test_an_error_is_told_as_it_arose_however_deep(depth, message, expected):
    config = None
    for _ in range(depth):
        config = {
            "_target_": f"{__name__}.failing",
            "_recursive_": False,
            "message": message,
            "inner": config,
        }
    with pytest.raises(Exception, match="full_key") as found:
        instantiate({"data": {"part": config}})
    assert explain(found.value, ()) == expected
    with pytest.raises(Exception, match="Error in call") as found:
        instantiate(config)
    assert explain(found.value, ()) == message


def test_composing_leaves_a_hydra_that_is_at_work_as_it_was():
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        instance, at_work = GlobalHydra.instance(), GlobalHydra.instance().hydra
        assert at_work is not None
        assert compose_config().name == "default"
        with pytest.raises(HydraException):
            compose_config(["victim.nothing=1"])
        assert GlobalHydra.instance() is instance
        assert instance.hydra is at_work
    GlobalHydra.instance().clear()
    compose_config()
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.parametrize("override", ["audit/test=pprm", "audit/test=nothing"])
def test_a_part_of_another_choice_is_no_part_to_add(override):
    chosen = ("audit=radioactive", override)
    with pytest.raises(HydraException) as found:
        compose_config(chosen)
    said = explain(found.value, chosen)
    assert said.startswith("'audit/test' is no part of the audit that was chosen: leave it out")
    assert "audit=NAME. Accepted: combined, controlled, instance" in said


@pytest.mark.parametrize(
    ("override", "shared"),
    [("victim=simlcr", "_ssl"), ("marking=twin", "base"), ("score=margn", "base")],
)
def test_what_options_share_is_no_option(override, shared):
    with pytest.raises(HydraException) as found:
        compose_config([override])
    assert f"\t{shared}\n" in str(found.value)
    group = override.partition("=")[0]
    listed = explain(found.value, [override]).partition("Available options")[2].split("\n\t")[1:]
    assert [name.strip() for name in listed] == options_of(group)
