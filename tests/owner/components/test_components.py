"""What a file may name: parts of literal tables, which make what hydra would make."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from tests.conftest import ROOT, random_set

from taggant.configs import plain
from taggant.groups import compose_config, options_of
from taggant.models.model import VICTIMS
from taggant.owner.components import marking, net, score, victim
from taggant.owner.components.component import short_name
from taggant.owner.schema import SchemaError, parse_values

NEED_PUBLIC = {"captioning", "image_text_contrastive", "image_text_margin", "view_contrast"}
"""Scores that compare with public pictures, which an owner's audit has none of."""
NEED_WEIGHTS = {
    *("denoising", "gradient", "gradient_denoising", "gradient_image_text"),
    *("image_to_image", "inversion", "proximal"),
}
"""Scores that look into the model or want images back, which an owner's audit does not ask for."""
NEED_FILES = {"learned"}
"""Scores in a file, which no verifier has."""
REFUSED = NEED_PUBLIC | NEED_WEIGHTS | NEED_FILES
NEED_RAW = {"nearest_votes"}  # a verifier could not choose its views again
DATA = random_set(4)
FACTS: dict[str, Any] = {"channels": 3, "image_size": 16, "mean": DATA.mean, "std": DATA.std}
SMALL = {"width": 2, "hidden": 8, "out": 6, "bottleneck": 4, "queue": 12}
TOWERS = {
    "embed_dim": 8,
    "vision_cfg": {"layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 600, "width": 16, "heads": 2, "layers": 1},
}


def section(group, *overrides):
    return plain(OmegaConf.select(compose_config(overrides), group))


@pytest.mark.parametrize("name", sorted(set(options_of("score")) - REFUSED - NEED_RAW))
def test_a_score_is_what_hydra_makes_of_its_config(name):
    config = section("score", f"score={name}")
    made = score.score_from_config(config).build()
    expected = instantiate(OmegaConf.create(config))
    assert (made.access, made.views, made.average) == (
        expected.access,
        expected.views,
        expected.average,
    )
    assert (made.answers, made.against) == (expected.answers, expected.against)
    assert made.statistic is expected.statistic.func
    if made.views > 1:
        draws = [one.augment.draw(3, torch.Generator().manual_seed(0)) for one in (made, expected)]
        assert torch.equal(*draws)


@pytest.mark.parametrize("name", sorted(NEED_RAW))
def test_a_score_whose_views_the_model_is_asked_for_is_refused(name):
    with pytest.raises(SchemaError, match=r"score\.augment\.kind .* accepted are 'crop_flip'"):
        score.score_from_config(section("score", f"score={name}"))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_score_that_needs_more_than_answers_is_refused(name):
    with pytest.raises(SchemaError, match=r"score\.statistic\.kind .* accepted are 'loss'"):
        score.score_from_config(section("score", f"score={name}"))


@pytest.mark.parametrize(
    "name",
    sorted(set(options_of("score/access")) - {"projector", "tokens", "pixels", "latents"}),
)
def test_an_access_level_is_what_hydra_makes_of_it(name):
    kind = "pairwise_cosine" if name == "embedding" else "margin"
    config = section("score", f"score={kind}", f"score/access={name}")
    assert score.score_from_config(config).build().access == instantiate(config["access"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"views": 0}, "score.views = 0"),
        ({"views": 10**9}, "score.views = 1000000000"),
        ({"views": 4, "augment": None}, "needs score.augment"),
        ({"average": "none"}, "score.average = 'none'"),
        ({"answers": "embedding"}, "score.answers = embedding: with this statistic it is logits"),
        ({"access": {"_target_": "taggant.score.access.Rounded", "digits": 9}}, "digits = 9"),
        ({"access": {"_target_": "taggant.score.access.requests.get"}}, "access.kind"),
        ({"statistic": {"_target_": "os.system", "command": "true"}}, "kind = 'os.system'"),
        ({"statistic": {"_target_": "taggant.score.remote.requests.get"}}, "remote.requests.get"),
        ({"statistic": None}, "score.statistic"),
        ({"_target_": "subprocess.call"}, "score = subprocess.call"),
        ({"more": 1}, "score.more: there is no such field"),
    ],
)
def test_what_is_no_score_of_this_package_is_refused(changes, says):
    with pytest.raises(SchemaError) as error:
        score.score_from_config({**section("score", "score=margin"), **changes})
    assert says in str(error.value)


def test_of_one_view_nothing_is_stored_that_has_no_effect():
    form = score.score_from_config(section("score", "score=margin"))
    assert form.augment is None
    for changes in (
        {"augment": {"kind": "crop_flip", "pad": 4, "flip": True}},
        {"average": "confidences"},
    ):
        with pytest.raises(SchemaError, match="of one view"):
            parse_values(score.ScoreConfig, {**form.plain(), **changes})


def test_views_of_an_owners_audit_are_random_or_a_grid():
    eight = ("score=loss", "score.views=8")
    grid = score.score_from_config(section("score", *eight, "score/view_set=grid"))
    made = instantiate(OmegaConf.create(section("score", *eight, "score/view_set=grid")))
    assert torch.equal(grid.build().draw_views([5]), made.draw_views([5]))
    assert parse_values(score.ScoreConfig, grid.plain()) == grid
    random = score.score_from_config(section("score", *eight))
    assert "view_set" not in random.plain()  # as in files that were written before there were sets
    assert parse_values(score.ScoreConfig, random.plain()) == random
    for name in ("hardest", "mixed"):
        with pytest.raises(SchemaError, match=r"view_set\.kind .* accepted are 'random', 'grid'"):
            score.score_from_config(section("score", *eight, f"score/view_set={name}"))


def test_signs_that_are_not_mirrored_are_written_as_before_others_were():
    for name in ("sign", "scaled_sign"):
        plain_sign = section("marking.scheme", f"marking/strategy={name}")
        plain_sign["strategy"]["mirror"] = False
        mirrored = {**plain_sign, "strategy": {**plain_sign["strategy"], "mirror": True}}
        assert "mirror" not in marking.marking_from_config(plain_sign).plain()["strategy"]
        assert marking.marking_from_config(mirrored).plain()["strategy"]["mirror"] is True


def test_a_marker_that_is_not_folded_is_written_as_before_there_was_folding():
    config = section("marking.scheme", "marking/strategy=feature")
    for fold in (False, True):
        config["strategy"]["marker"]["fold"] = fold
        form = marking.marking_from_config(config)
        assert ("fold" in form.plain()["strategy"]["marker"]) == ("fold" in form.parameters) == fold
        assert form.build().strategy.marker.fold is fold
        assert parse_values(marking.Marking, form.plain()) == form


@pytest.mark.parametrize("name", options_of("marking/strategy"))
def test_a_marking_is_what_hydra_makes_of_its_config(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TAGGANT_ROOT", str(tmp_path))
    tiny = ("marking.n=20", "marking.marker.load.epochs=0")
    config = section("marking.scheme", f"marking/strategy={name}", *tiny)
    form = marking.marking_from_config(config)
    made, expected = form.build(), instantiate(OmegaConf.create(config))
    told = dict(expected.parameters())
    assert made.parameters() == told
    network = {key: told.pop(key) for key in ("marker", "weights") if key in told}
    assert form.parameters == told
    assert bool(network) == (form.marker is not None)
    assert parse_values(marking.Marking, form.plain()) == form
    secret, ids, indices = b"s" * 32, list(DATA.ids[:1]), [[3, 0]]
    versions = [
        one.versions([secret], DATA.images[:1], ids, torch.tensor(indices).numpy())
        for one in (made, expected)
    ]
    assert torch.equal(*versions)


@pytest.mark.parametrize(
    ("load", "says"),
    [
        ({"kind": "timm", "name": "hf-hub:stranger/model", "pretrained": True}, "marker.load.name"),
        ({"kind": "timm", "name": "../../model", "pretrained": True}, "marker.load.name"),
        ({"kind": "torchvision", "name": "resnet18", "weights": "http://x"}, "weights"),
        ({"kind": "pathlib.Path.write_text"}, "load.kind = 'pathlib.Path.write_text'"),
        ({"kind": "trained"}, "is missing"),
    ],
)
def test_a_marker_comes_from_nowhere_else(load, says):
    marker = {"kind": "marker", "load": load, "size": 32, "precision": "float32"}
    strategy = {"kind": "feature", "marker": marker, "steps": 4, "chunk": 16}
    with pytest.raises(SchemaError) as error:
        parse_values(marking.Marking, {"n": 20, "epsilon": 10, "strategy": strategy})
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("os.system", "marking.scheme = os.system"),
        ("taggant.marking.ledger.Path.write_text", "accepted is taggant.marking.n_version"),
    ],
)
def test_a_scheme_from_elsewhere_is_refused(target, says):
    with pytest.raises(SchemaError, match=says):
        marking.marking_from_config({"_target_": target, "n": 10})


# --- victims -----------------------------------------------------------------------------------


def tiny(config):
    """A victim's config with small layers."""
    config = {**config, **{key: value for key, value in SMALL.items() if config.get(key)}}
    if "config" in config:
        config["config"] = TOWERS
    return {key: value for key, value in config.items() if key != "unmarked"}


def asked_by_owners(name: str) -> bool:
    """Whether a victim's answers are among those that an owner's audit reads."""
    victim_class = get_class(section("victim", f"victim={name}")["_target_"])
    return victim_class.answers in VICTIMS.values() and name != "linear_probe"


@pytest.mark.parametrize("name", filter(asked_by_owners, options_of("victim")))
def test_a_victim_answers_as_hydras_does_once_it_has_its_weights(name):
    config = tiny(section("victim", f"victim={name}"))
    torch.manual_seed(0)
    own = {**config, "pretrained": None} if "pretrained" in config else config  # no download
    trained = instantiate(OmegaConf.create(own), classes=4, **FACTS, _convert_="all").eval()
    form = victim.victim_from_config(config)
    torch.manual_seed(1)
    fresh = form.build_untrained(victim.Images(classes=4, **FACTS)).eval()
    fresh.load_state_dict(trained.state_dict())
    assert (fresh.answers, fresh.against) == (trained.answers, trained.against)
    with torch.no_grad():
        assert torch.equal(fresh(DATA.images), trained(DATA.images))


@pytest.mark.parametrize("name", options_of("victim/net"))
def test_a_network_is_what_hydra_makes_of_its_config(name):
    config = tiny(section("victim", "victim=classifier", f"victim/net={name}"))
    images = victim.Images(classes=4, **FACTS)
    shapes = [
        {key: value.shape for key, value in one.state_dict().items()}
        for one in (
            victim.victim_from_config(config).build_untrained(images),
            instantiate(OmegaConf.create(config), classes=4, **FACTS),
        )
    ]
    assert shapes[0] == shapes[1]


NETS = "taggant.victim.architectures"
CLASSIFIER = {
    "_target_": "taggant.victim.classifier.Classifier",
    "net": {"_target_": "taggant.victim.small_net.SmallNet", "_partial_": True, "dropout": 0.0},
    "width": 2,
    "epochs": 3,
}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"_target_": "os.system", "command": "true"}, "victim.kind = 'os.system'"),
        ({"_target_": "taggant.victim.clip.open_clip.create_model"}, "victim.kind"),
        ({"_target_": "taggant.victim.classifier.torch.load"}, "torch.load'"),
        ({"net": {"_target_": "os.system", "command": "true"}}, "net.kind = 'os.system'"),
        (
            {"net": {"_target_": "taggant.victim.architectures.from_timm", "name": "hf-hub:x/y"}},
            "name",
        ),
        ({"net": {"_target_": f"{NETS}.timm.create_model"}}, "net.kind"),
        ({"width": 10**9}, "width = 1000000000"),
        ({"width": 1.5}, "width = 1.5"),
        ({"trust": "me"}, "trust: there is no such field"),
    ],
)
def test_what_is_no_victim_of_this_package_is_refused(changes, says):
    assert victim.victim_from_config(CLASSIFIER)
    with pytest.raises(SchemaError) as error:
        victim.victim_from_config({**CLASSIFIER, **changes})
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("hf-hub:stranger/model", "model = "),
        ("local-dir:/elsewhere/model", "model = "),
        ("roberta-ViT-B-32", "would be downloaded"),
        ("nothing", "accepted are"),
    ],
)
def test_an_image_text_model_comes_from_nowhere_else(model, says):
    config = {**section("victim", "victim=clip"), "model": model, "pretrained": "/elsewhere/x.pt"}
    with pytest.raises(ValueError) as error:
        victim.victim_from_config(config).build_untrained(victim.Images(classes=4, **FACTS))
    assert says in str(error.value)


def test_every_part_is_in_its_table_and_all_are_of_this_package():
    unions = (score.Statistic, score.Access, score.Augment, marking.Strategy, net.Nets)
    for union in (*unions, victim.AnyVictim):
        for part in get_args(union):
            assert part.factory.__module__.startswith("taggant.")
            assert short_name(part).isidentifier()
    for names in (score.NAMES, marking.NAMES, victim.NAMES):
        assert len(set(names.values())) == len(names)
    assert ROOT.is_dir()
