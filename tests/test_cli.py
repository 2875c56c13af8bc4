"""Errors of the command line leave nothing behind in the process."""

from __future__ import annotations

import os

import pytest

from taggant.cli import explain_errors


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
