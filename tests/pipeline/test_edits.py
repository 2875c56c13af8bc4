"""Which edit renews which stage: every module of the package, in several settings."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.pipeline.test_identity import composed

from taggant import code
from taggant.pipeline.audit_run import AuditRun
from taggant.pipeline.context import RunContext
from taggant.pipeline.kinds import run_from_context

ORDER = ("data", "marker", "mark", "mix", "train", "unlearn", "deploy", "score", "audit", "report")


def decided(**modules: str) -> dict[str, str | None]:
    """The first stage that each module's code decides, from their names by stage; or none."""
    return {
        module: None if stage == "none" else stage
        for stage, names in modules.items()
        for module in names.split()
    }


FIRST = decided(
    data=(
        "data.assemble data.baseline data.decode data.emoji data.imageset data.options "
        "data.pixels pipeline.stages.data"
    ),
    mark=(
        "canonical networks marking.chacha marking.draws marking.instances marking.ledger "
        "marking.marker marking.n_version marking.device marking.publish marking.quality "
        "marking.scheme marking.selection marking.strategies.sign marking.stream "
        "pipeline.stages.mark"
    ),
    train=(
        "answers optim data.batches data.mixing pipeline.device pipeline.stages.train "
        "victim.batch_share victim.checkpoint victim.classifier victim.small_net victim.training "
        "victim.victim"
    ),
    unlearn=(
        "pipeline.stages.unlearn unlearning.method unlearning.none unlearning.request "
        "victim.finite_answers victim.wrapped"
    ),
    score=(
        "auditing.comparison auditing.controls auditing.engine auditing.fewer auditing.plan "
        "auditing.published auditing.questions auditing.readings auditing.slots auditing.spread "
        "auditing.state data.augment pipeline.stages.score score.access score.membership "
        "score.oracle score.score score.statistic score.view_sets stats.alternatives stats.arrays "
        "stats.boundary stats.chain stats.checks stats.levels stats.replay stats.thresholds"
    ),
    audit=(
        "auditing.choice_of_test auditing.instance auditing.sets auditing.unlearning "
        "pipeline.samples pipeline.stages.audit pipeline.tables stats.controlled "
        "stats.controlled_sets stats.exact stats.intervals stats.mirrored stats.multiple "
        "stats.programme stats.sequential stats.spending stats.stopping"
    ),
    report="configs numbers pipeline.record pipeline.stages.report report",
    none="report.__main__ report.flat report.runs",
)
"""Of the default run. A package stands for what is in it; what is not listed decides nothing.

All later stages follow the first.
"""

MARKER = decided(
    marker=(
        "data.augment data.batches data.beyond networks optim marking.marker marking.trained "
        "victim.small_net"
    ),
    mark="marking.batching",
)
WHOLE_SET = decided(
    mark="marking.whole_set pipeline.stages.mark_set",
    audit=(
        "auditing.whole_set.case pipeline.stages.audit_set score.access score.membership "
        "score.oracle score.score score.statistic score.view_sets stats.alternatives stats.arrays "
        "stats.checks stats.levels stats.ranks"
    ),
    none=(
        "auditing.choice_of_test auditing.comparison auditing.controls auditing.engine "
        "auditing.fewer auditing.instance auditing.published auditing.plan auditing.questions "
        "auditing.readings auditing.sets auditing.slots auditing.spread auditing.state "
        "auditing.unlearning pipeline.stages.audit stats.controlled stats.controlled_sets "
        "stats.multiple pipeline.stages.score stats.boundary stats.chain stats.exact "
        "stats.mirrored stats.programme stats.replay stats.sequential stats.spending "
        "stats.stopping stats.thresholds"
    ),
)
RADIOACTIVE = decided(
    mark="marking.class_wise marking.radioactive marking.windows",
    audit=(
        "auditing.whole_set.alignment auditing.whole_set.last_layer auditing.whole_set.radioactive "
        "marking.features stats.multiple stats.radioactive"
    ),
    none="stats.alternatives",
)

SETTINGS: list[tuple[tuple[str, ...], dict[str, str | None]]] = [
    ((), {}),
    (
        ("unlearning=salun", "unlearning.forget=10"),
        decided(
            unlearn="unlearning.random_labels unlearning.salun",
            none="unlearning.none",
        ),
    ),
    (
        ("unlearning=bad_teacher", "unlearning.forget=10"),
        decided(
            unlearn="unlearning.bad_teacher unlearning.ssd",
            none="unlearning.none",
        ),
    ),
    (
        ("victim/net=resnet9",),
        decided(
            train="victim.resnet9",
        ),
    ),
    (
        ("victim=split_ensemble",),
        decided(
            train="victim.split_ensemble victim.taught",
        ),
    ),
    (
        ("defence=[jpeg,pruning]",),
        decided(
            train="data.purify defence.defence defence.purified",
            deploy="defence.deployed defence.tuned pipeline.stages.deploy",
        ),
    ),
    (
        ("victim=clip", "data=emoji_captions", "score=image_text"),
        decided(
            train="victim.clip victim.tokens",
            score="score.image_text",
            none="data.mixing score.membership victim.classifier victim.small_net",
        ),
    ),
    (
        ("victim=simclr", "score=pairwise_cosine"),
        decided(
            train=(
                "data.colour data.resized_crop victim.ssl.encoder victim.ssl.probes "
                "victim.ssl.simclr victim.ssl.views"
            ),
            score="score.likeness",
            none="data.mixing score.membership victim.classifier",
        ),
    ),
    (
        (
            *("victim=latent_diffusion", "score=gradient_denoising", "marking/strategy=feature"),
            *("marking/marker=vae", "marking.marker.load.vae=nowhere"),
        ),
        decided(
            mark=(
                "autoencoder extras marking.batching marking.strategies.chunked "
                "marking.strategies.feature marking.vae"
            ),
            train=(
                "data.augment victim.generative.denoiser victim.generative.diffusion "
                "victim.generative.latent victim.generative.networks "
                "victim.generative.samples"
            ),
            score="score.denoising score.gradient",
            none="data.mixing score.membership victim.classifier victim.small_net",
        ),
    ),
    (
        ("marking/strategy=jacobian",),
        {
            **MARKER,
            **decided(
                mark="marking.strategies.jacobian",
            ),
        },
    ),
    (("audit=radioactive", "marking=radioactive"), {**MARKER, **WHOLE_SET, **RADIOACTIVE}),
    (
        ("audit=radioactive", "marking=radioactive", "victim=linear_probe"),
        {
            **MARKER,
            **WHOLE_SET,
            **RADIOACTIVE,
            **decided(train="victim.linear_probe marking.features"),
        },
    ),
    (
        ("audit=rank_sum", "marking=twins"),
        {
            **MARKER,
            **WHOLE_SET,
            **decided(
                mark="marking.twins",
                audit="auditing.whole_set.rank_sum auditing.whole_set.set_rank",
                none="stats.alternatives stats.intervals",
            ),
        },
    ),
    (
        ("audit=twins", "marking=twins"),
        {
            **MARKER,
            **WHOLE_SET,
            **decided(
                mark="marking.twins",
                audit=(
                    "auditing.choice_of_test auditing.whole_set.set_rank "
                    "auditing.whole_set.twins stats.boundary stats.chain stats.evidence "
                    "stats.replay stats.sequential stats.thresholds stats.twins"
                ),
                none="stats.intervals",
            ),
        },
    ),
]
"""Settings, and where they differ from `FIRST`."""


class Reached(dict[str, str]):
    """A closure that remembers what was asked for."""

    asked: tuple[Any, ...]


@pytest.fixture(scope="module")
def stages(tmp_path_factory) -> list[dict[str, list[Reached]]]:
    """The code of each stage, by its name, in each setting."""
    closure, root = code.closure, tmp_path_factory.mktemp("root")

    def remembered(names: Iterable[str], without: Sequence[str]) -> Reached:
        found = Reached(closure(names, without))
        found.asked = (tuple(names), without)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "closure", remembered)
        return [
            by_stage(run_from_context(RunContext.from_config(composed(root, *chosen))))
            for chosen, _ in SETTINGS
        ]


def by_stage(run: AuditRun) -> dict[str, list[Reached]]:
    found: dict[str, list[Reached]] = {}
    for name, stage in {**run.stages, "report": run.report.stage}.items():
        found.setdefault(name.partition("/")[0], []).append(stage.identity["sources"])
        for need in stage.needs:
            if need.name == "marker":
                found.setdefault("marker", []).append(need.identity["sources"])
    return found


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def edited(text: bytes, function: ast.FunctionDef | ast.AsyncFunctionDef | None) -> bytes:
    """Source with a statement more at the end of a function, or of the module."""
    lines = text.splitlines(keepends=True)
    if function is None:
        return text + b"\nEDITED = 1\n"
    last = function.body[-1]
    assert last.end_lineno is not None
    if last.lineno == function.lineno:  # def f(): ...
        end = last.end_col_offset or 0
        line = lines[last.end_lineno - 1]
        lines[last.end_lineno - 1] = line[:end] + b"; pass" + line[end:]
    else:
        lines.insert(last.end_lineno, b" " * last.col_offset + b"pass\n")
    return b"".join(lines)


def edits(seed: int) -> Iterator[tuple[str, bytes]]:
    """Each module of the package, and its source with one function of it edited."""
    draw = random.Random(seed)
    for name, source in code.sources("taggant").items():
        found = functions(ast.parse(source.text))
        yield name, edited(source.text, draw.choice(found) if found else None)


def put(monkeypatch: pytest.MonkeyPatch, package: Mapping[str, code.Source]) -> None:
    """Take other sources for those of this package."""
    monkeypatch.setattr(code, "sources", lambda name: package if name == code.OWN else {})


def expected(name: str, first: dict[str, str | None], order: list[str]) -> list[str]:
    inner = name.removeprefix("taggant.")
    while inner and inner not in first:
        inner = inner.rpartition(".")[0]
    stage = first.get(inner)
    return [] if stage is None else order[order.index(stage) :]


def changed(
    stages: dict[str, list[Reached]], order: list[str], known: dict[tuple[Any, ...], dict[str, str]]
) -> list[str]:
    """Stages whose code differs from what it was, and all that rest on them."""

    def differs(found: Reached) -> bool:
        if found.asked not in known:
            known[found.asked] = code.closure(*found.asked)
        return known[found.asked] != found

    own = [any(map(differs, stages[name])) for name in order]
    return order[own.index(True) :] if any(own) else []


def test_an_edit_renews_exactly_the_stages_that_it_should(stages, monkeypatch):
    whole = code.sources("taggant")
    assert len(whole) > 200
    orders = [[name for name in ORDER if name in found] for found in stages]
    wrong = []
    for name, text in edits(seed=0):
        put(monkeypatch, {**whole, name: replace(whole[name], text=text)})
        known: dict[tuple[Any, ...], dict[str, str]] = {}
        for (chosen, more), found, order in zip(SETTINGS, stages, orders, strict=True):
            got, should = changed(found, order, known), expected(name, {**FIRST, **more}, order)
            if got != should:
                wrong.append(f"{name} with {chosen}: renews {got}, should {should}")
    assert not wrong, "\n".join([*wrong, "where that is meant, the tables above are to say so"])


@pytest.mark.parametrize(
    ("function", "chosen", "first"),
    [
        ("unlearning.random_labels.relearn", "unlearning=salun", "unlearn"),
        ("unlearning.ssd.joined", "unlearning=bad_teacher", "unlearn"),
        ("victim.small_net.conv", "victim/net=resnet9", "train"),
        ("data.purify.content_noise", "defence=[jpeg,pruning]", "train"),
        ("victim.tokens.tokenizer", "victim=clip", "train"),
        ("marking.features.frozen_features", "victim=linear_probe", "train"),
    ],
)
def test_code_shared_between_methods_renews_all_of_them(
    stages, monkeypatch, function, chosen, first
):
    module, _, name = f"taggant.{function}".rpartition(".")
    whole = code.sources("taggant")
    source = whole[module]
    (node,) = [one for one in functions(ast.parse(source.text)) if one.name == name]
    put(monkeypatch, {**whole, module: replace(source, text=edited(source.text, node))})
    (found,) = [s for s, (options, _) in zip(stages, SETTINGS, strict=True) if chosen in options]
    order = [one for one in ORDER if one in found]
    assert changed(found, order, {}) == order[order.index(first) :]


def test_every_function_of_the_package_counts():
    missed = []
    for name, source in code.sources("taggant").items():
        tree = ast.parse(source.text)
        found = functions(tree)
        for number, function in enumerate(found):
            function.body.append(ast.Expr(ast.Constant(f"edit {number}".encode())))
        written = "".join(code._written(tree))
        missed += [f"{name}.{f.name}" for i, f in enumerate(found) if f"b'edit {i}'" not in written]
    assert missed == []
