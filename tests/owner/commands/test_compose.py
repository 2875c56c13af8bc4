"""What is typed wrong is told by its option or key, with what is accepted."""

from __future__ import annotations

import pytest
from tests.owner import photos
from tests.owner.test_mark import fresh
from typer.testing import CliRunner

from taggant.groups import options_of
from taggant.owner.cli import app
from taggant.owner.commands.compose import compose_marking, compose_score
from taggant.owner.mark import mark

STRATEGIES = ", ".join(options_of("marking/strategy"))


@pytest.mark.parametrize(
    ("strategy", "words", "says"),
    [
        ("sing", [], rf"--scheme sing: accepted are {STRATEGIES} \(did you mean sign\?\)"),
        ("", [], f"--scheme : accepted are {STRATEGIES}"),
        ("../strategy/sign", [], f"accepted are {STRATEGIES}"),
        ("n_version", [], f"--scheme n_version: accepted are {STRATEGIES}"),
        ("scaled_sign", ["marking.strategy.cels=16"], "'marking.strategy.cels'. Did you mean 'ce"),
        ("sign", ["marking.strategy.blok=2"], r"Accepted in 'marking.strategy': block"),
        ("sign", ["marking.strategy.zzz=2"], r"'marking.strategy.zzz'. Accepted .*: block"),
        ("sign", ["marking.strategy.block"], "--set marking.strategy.block: accepted is KEY=VAL"),
        ("sign", ["marking.strategy.block=ab"], "^marking.strategy.block = 'ab': accepted is"),
        ("sign", ["marking.strategy.block=0"], "^marking.strategy.block = 0: accepted are values"),
        ("sign", ["marking.strategy.block=${nothing}"], "nothing"),
        ("sign", ["marking.strategy.block=(1"], r"marking.strategy.block = \(1: .* quoted"),
        ("sign", ["~marking.strategy.block"], "--set ~marking.strategy.block: accepted is KEY"),
        ("sign", ["+marking.strategy.more=1"], r"--set \+marking.strategy.more=1: accepted is"),
        ("sign", ["marking.n=30"], "--set marking.n=30: accepted are keys of marking.strategy"),
        ("sign", ["marking.used=30"], "--set marking.used=30: accepted are keys"),
        ("sign", ["block=3"], "--set block=3: accepted are keys of marking.strategy and"),
        ("sign", ["marking=twins"], "--set marking=twins: accepted are keys"),
        ("sign", ["marking/strategy=jacobian"], "with --scheme, --n and --eps"),
        ("sign", ["marking.marker.size=32"], "keys of marking.strategy, with --scheme sign"),
        ("jacobian", ["marking.marker.sise=32"], "'marking.marker.sise'. Did you mean 'size'"),
        ("jacobian", ["marking/marker=trainde"], "Could not find 'marking/marker/trainde'"),
    ],
)
def test_a_marking_that_is_typed_wrong_is_told(strategy, words, says):
    with pytest.raises(ValueError, match=says) as found:
        compose_marking(strategy, 30, 10, words)
    assert "search path" not in str(found.value)


def test_keys_of_the_strategy_and_its_network_are_taken():
    assert compose_marking("sign", 30, 9, ["marking.strategy.block=3"]).strategy.block == 3
    made = compose_marking("jacobian", 30, 9, ["marking/marker=timm", "marking.marker.size=32"])
    assert made.marker is not None
    assert (made.marker.load.kind, made.marker.size) == ("timm", 32)


@pytest.mark.parametrize(
    ("score", "access", "words", "says"),
    [
        ("margn", "", [], r"--score margn: accepted are .*\(did you mean margin\?\)"),
        ("base", "", [], "--score base: accepted are captioning, "),
        ("margin", "ful", [], r"--access ful: accepted are .*\(did you mean full\?\)"),
        ("margin", "", ["score.view=4"], "no key 'score.view'. Did you mean 'views'"),
        ("margin", "", ["score.views=0"], "^score.views = 0: accepted are values"),
        ("margin", "top_k", ["score.access.k=a"], "^score.access.k = 'a': accepted is"),
        ("margin", "", ["score=hinge"], "--set score=hinge: .* keys of score, with --score and"),
        ("margin", "", ["score.augment.pad=3"], "--set score.augment.pad=3: of one view nothing"),
        ("margin", "", ["seed=3"], "--set seed=3: accepted are keys of score"),
    ],
)
def test_a_score_that_is_typed_wrong_is_told(score, access, words, says):
    with pytest.raises(ValueError, match=says) as found:
        compose_score(score, access, words)
    assert "search path" not in str(found.value)


def test_keys_of_the_score_are_taken():
    made = compose_score("margin", "top_k", ["score/augment=crop_flip", "score.views=4"])
    assert (made.access.kind, made.views) == ("top_k", 4)


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    root = tmp_path_factory.mktemp("typed")
    photos.folder(root / "raw", 2, classes=1)
    mark(root / "raw", root / "out", root / "ledger", fresh(n=20), "keep")
    return root


@pytest.fixture
def folder(marked, monkeypatch):
    monkeypatch.chdir(marked)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--classes", "a,b,a"], "--classes a,b,a: accepted are different names, a is there twice"),
        (["--p", "5%"], "--p '5%': accepted are numbers"),
        (["--test", "optiml"], "--test optiml: accepted are optimal, rank"),
        (["--test", "rank", "--fdr", "0.05"], "--test rank: with --fdr, accepted is optimal"),
        (["--level", "0.01"], "--level 0.01: accepted with --fdr only"),
        (["--fdr", "0.05", "--level", "3"], "--level 3: accepted are numbers between 0 and 1"),
        (["--std", "1,1"], "--std 1,1: accepted are three numbers above 0"),
        (["--set", "score.vews=3"], "no key 'score.vews'. Did you mean 'views'"),
        *[([option, "-1"], option) for option in ("--batch", "--size", "--retries", "--rate")],
        *[([option, "-1"], option) for option in ("--timeout", "--budget", "--price", "--used")],
    ],
    ids=" ".join,
)
def test_an_audit_that_is_typed_wrong_is_told_before_a_model_is_opened(words, says):
    files = ["--ledger", "ledger", "--raw", "raw", "--published", "out", "--model", "no:model"]
    result = CliRunner().invoke(app, ["audit", *files, "--out", "audit", *words])
    assert result.exit_code in (1, 2)
    told = result.output + str(result.exception)
    assert says in told
