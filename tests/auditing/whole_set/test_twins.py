from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from tests.conftest import random_set

from taggant.auditing.whole_set.case import SetCase
from taggant.auditing.whole_set.twins import TwinsAudit
from taggant.marking.draws import Draws
from taggant.marking.n_version import NVersion
from taggant.marking.strategies.sign import Sign
from taggant.stats import Fixed, optimal, twins_betting, twins_pprm
from taggant.victim.classifier import Classifier
from taggant.victim.ssl.simclr import SimCLR

PAIRS = 60
DATA = random_set(PAIRS, classes=4)
TESTS = {"betting": twins_betting, "pprm": partial(twins_pprm, futility=True)}


class Owner:
    """Whose draws follow from a number."""

    def __init__(self, number: int) -> None:
        self.secret = number.to_bytes(32, "big")

    def draws(self, name):
        return Draws(self.secret, name, 2)

    def indices(self, ids):
        return np.array([self.draws(name).index() for name in ids])


def case_of(answers, number: int = 0, used: int = PAIRS) -> SetCase:
    """Twins whose pixels say which they are, and a model's answers [PAIRS, 2] about them."""
    names = torch.arange(2 * PAIRS, dtype=torch.uint8).view(PAIRS, 2, 1, 1, 1)

    def score(images, labels):
        asked.extend(images.flatten().tolist())
        return np.asarray(answers, np.float32).ravel()[images.flatten().numpy()]

    asked: list[int] = []
    case = SetCase(
        None, None, Owner(number), DATA, None, used, None, lambda count: names[:count], score
    )
    object.__setattr__(case, "questions", asked)
    return case


def winning(number: int, wins) -> np.ndarray:
    """Answers by which the published twins of some pairs win, and lose in the others."""
    own = np.arange(2) == Owner(number).indices(DATA.ids)[:, None]
    return np.where(np.asarray(wins)[:, None], own, ~own).astype(float)


def test_a_model_that_knows_all_is_claimed_after_a_few_pairs():
    case = case_of(winning(0, np.ones(PAIRS, bool)))
    found = TwinsAudit(images=PAIRS, batch_size=20)(case).metrics
    fewest = twins_betting(PAIRS, 0.05).expected_queries(Fixed(0.0))
    assert found["claim"]
    assert found["pairs_read"] == round(fewest) == 7
    assert (found["pairs"], found["queries"]) == (PAIRS, 14)
    assert len(case.questions) == 20  # one batch was enough
    assert 10 ** found["log10_p"] <= found["size"] <= 0.05


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS)
def test_pairs_are_read_in_the_secret_order_until_the_test_stops(test):
    """Replayed pair by pair, whatever the batches."""
    rng = np.random.default_rng(0)
    for number in range(20):
        wins = rng.random(PAIRS) < 0.7
        case = case_of(winning(number, wins), number)
        order = np.random.default_rng(case.draws.seed("pairs")).permutation(PAIRS)
        expected = test(PAIRS, 0.05).run(~wins[order][None])
        for batch in (1, 6, 256):
            found = TwinsAudit(images=PAIRS, batch_size=batch, test=test)(case).metrics
            assert found["claim"] == expected.claim[0]
            assert found["pairs_read"] == expected.read[0]
            assert 10 ** found["log10_p"] == pytest.approx(expected.p_value[0])


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS)
@pytest.mark.parametrize("ties", [False, True])
def test_the_size_is_kept(test, ties):
    """Over secrets, a model that knows nothing is claimed as often as the test's exact size."""
    audit = TwinsAudit(p=0.2, images=PAIRS, test=test)
    answers = np.random.default_rng(1).random((PAIRS, 2)) * (not ties)
    found = [audit(case_of(answers, number)).metrics for number in range(300)]
    size = found[0]["size"]
    assert size == audit.boundary(PAIRS).size() <= 0.2
    claims = sum(one["claim"] for one in found)
    assert abs(claims - 300 * size) < 3 * (300 * size * (1 - size)) ** 0.5
    assert all(one["claim"] == (10 ** one["log10_p"] <= size * (1 + 1e-9)) for one in found)


def test_of_a_control_the_first_images_are_asked_and_of_a_run_the_used_ones():
    knows = winning(0, np.ones(PAIRS, bool))
    assert TwinsAudit(images=30)(case_of(knows, used=0)).metrics["pairs"] == 30
    assert TwinsAudit(images=30)(case_of(knows, used=12)).metrics["pairs"] == 12


def test_what_is_no_audit_of_twins_is_refused():
    TwinsAudit().check(NVersion(2, 30, Sign(2)), Classifier)
    with pytest.raises(
        ValueError, match=r"marking\.n = 20: audit=twins reads pairs, accepted is 2"
    ):
        TwinsAudit().check(NVersion(20, 30, Sign(2)), Classifier)
    with pytest.raises(ValueError, match="asks a classifier"):
        TwinsAudit().check(NVersion(2, 30, Sign(2)), SimCLR)
    with pytest.raises(ValueError, match=r"audit\.p = 2: accepted are"):
        TwinsAudit(p=2)
    with pytest.raises(ValueError, match=r"audit\.images = 4, .*4 pairs at p=0.05: not even 4"):
        TwinsAudit(images=4)
    TwinsAudit(images=40).check_images(30)
    with pytest.raises(ValueError, match=r"audit\.images = 40, .*, 4 images to ask about: 4 pairs"):
        TwinsAudit(images=40).check_images(4)


def test_tests_of_one_image_and_of_pairs_are_not_mistaken_for_each_other():
    with pytest.raises(ValueError, match=r"audit/test = optimal: this test reads n versions of"):
        TwinsAudit(test=partial(optimal, b=50))
