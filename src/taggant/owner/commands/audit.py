"""``taggant audit``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from taggant.models.model import SCORES
from taggant.owner import audit as auditing
from taggant.owner.case import Case
from taggant.owner.certify import certificate
from taggant.owner.commands.compose import compose_score
from taggant.owner.commands.console import confirm, note, note_progress
from taggant.owner.commands.model_options import EndpointAccess, ModelKind, model_options, opened
from taggant.owner.commands.option_groups import OptionGroup
from taggant.owner.commands.parse import parse_choice, parse_counts, parse_decimal, parse_names
from taggant.owner.commands.platform import Platform
from taggant.owner.commands.summary import summary
from taggant.owner.components.score import ScoreConfig
from taggant.owner.cost import Cost, estimate
from taggant.owner.decision import COMBINED, CONTROLS, TESTS, DecisionRule
from taggant.owner.gather import FoundPicture, gather, gather_raw
from taggant.owner.labels import classes_of
from taggant.owner.ledger import FolderLedger
from taggant.owner.picture_file import PictureFiles
from taggant.owner.pictures import SMALLEST
from taggant.owner.secret_paths import refuse_inside
from taggant.urls import is_address

VERSIONS = "versions"
EVIDENCE = {VERSIONS: VERSIONS, "controls": CONTROLS, "both": COMBINED}
"""What ``--evidence`` says, and the tests of a rule."""


@dataclass(frozen=True)
class ScoreChoice(OptionGroup):
    """What is computed of the model's answers."""

    heading: ClassVar[str] = "The score"
    score: Annotated[
        str, typer.Option(help="a file of conf/score; left out: the usual one of --victim")
    ] = ""
    access: Annotated[
        str, typer.Option(help="what a local model shows: conf/score/access; left out: all of it")
    ] = ""
    set_: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the score")] = None

    def config(self, victim: str) -> ScoreConfig:
        """The score for a kind of model."""
        if not self.score and victim == "captioner":
            raise ValueError(
                "--model: captioners are not audited by this tool (docs/models.md says why). In "
                "Python, mark with taggant.mark(images, captions=...) and ask with taggant.audit"
            )
        return compose_score(self.score or SCORES[victim], self.access, self.set_ or [])


@dataclass(frozen=True)
class Claims(OptionGroup):
    """When a picture is claimed."""

    heading: ClassVar[str] = "Claims and their error"
    p: Annotated[str, typer.Option(help="error of one picture's claim")] = "0.05"
    fdr: Annotated[str, typer.Option(help="instead: share of wrong claims among the claims")] = ""
    used: Annotated[
        float, typer.Option(min=1e-6, max=1, help="share of used pictures that --fdr plans for")
    ] = 0.5
    level: Annotated[
        str, typer.Option(help="of one picture's test with --fdr; planned if empty")
    ] = ""
    test: Annotated[str, typer.Option(help=f"{', '.join(TESTS)}")] = "optimal"
    evidence: Annotated[
        str,
        typer.Option(
            help="versions, controls (withheld pictures, of `taggant mark --withhold`), or both"
        ),
    ] = VERSIONS
    weight: Annotated[str, typer.Option(help="of the versions, with --evidence both")] = "0.5"
    asked: Annotated[
        int, typer.Option(min=1, max=1000, help="versions asked to compare whole pictures")
    ] = 4

    def rule(self, pictures: int, n: int) -> DecisionRule:
        """The rule for so many published pictures of n versions.

        Raises
        ------
        ValueError
            For values that are none, or do not go together.
        """
        test = parse_choice("--test", self.test, TESTS)
        if parse_choice("--evidence", self.evidence, EVIDENCE) != VERSIONS:
            return self._by_withheld(test)
        if self.fdr:
            if test != "optimal":
                raise ValueError(f"--test {test}: with --fdr, accepted is optimal")
            level = parse_decimal("--level", self.level) if self.level else ""
            q = parse_decimal("--fdr", self.fdr)
            return DecisionRule.discoveries(q, pictures, n, self.used, level)
        if self.level:
            raise ValueError(
                f"--level {self.level}: accepted with --fdr only; without it, --p is the level"
            )
        return DecisionRule.each(parse_decimal("--p", self.p), test)

    def _by_withheld(self, test: str) -> DecisionRule:
        if test != "optimal" or self.level:
            option = f"--level {self.level}" if self.level else f"--test {test}"
            raise ValueError(f"{option}: accepted with --evidence versions only")
        q = parse_decimal("--fdr", self.fdr) if self.fdr else None
        weight = parse_decimal("--weight", self.weight)
        own = EVIDENCE[self.evidence]
        return DecisionRule.controlled(own, parse_decimal("--p", self.p), q, weight, self.asked)


@dataclass(frozen=True)
class Sending(OptionGroup):
    """What the model is sent."""

    heading: ClassVar[str] = "What is sent"
    send: Annotated[
        int | None,
        typer.Option(
            min=SMALLEST,
            help="make all versions with this longer side; at least twice what the model "
            "reads. Left out: the published size",
        ),
    ] = None


@dataclass(frozen=True)
class Spending(OptionGroup):
    """What the audit may cost."""

    heading: ClassVar[str] = "What it costs"
    budget: Annotated[
        int | None, typer.Option(min=0, help="most queries, over all calls together")
    ] = None
    price: Annotated[float, typer.Option(min=0, help="of 1,000 queries, for the estimate")] = 0.0
    yes: Annotated[bool, typer.Option("--yes", help="start without asking")] = False

    def agree(self, case: Case, cost: Cost, pictures: int) -> None:
        """Say what the audit will cost, and ask whether to start.

        Raises
        ------
        Abort
            If not.
        """
        most = cost.most if self.budget is None else min(self.budget, cost.most)
        if cost.fixed:
            held = len(case.ledger.withheld)
            note(
                f"{pictures} published pictures and {held} withheld ones: {self._priced(most)}. "
                f"Failed requests come on top. {self._each(case, cost)}"
            )
        else:
            self._say_by_test(case, cost, pictures, most)
        if not self.yes and not confirm("Start?"):
            raise typer.Abort

    def _say_by_test(self, case: Case, cost: Cost, pictures: int, most: int) -> None:
        note(
            f"{pictures} pictures, test {case.rule.test} of level {case.rule.level}: on average "
            f"{self._priced(cost.unused)} if none was used, {self._priced(cost.used)} if all were "
            f"(as strongly as the test is made for); never more than {self._priced(most)}. Failed "
            f"requests come on top. {self._each(case, cost)}"
        )

    def _each(self, case: Case, cost: Cost) -> str:
        """Megabytes and minutes of what was said in queries."""
        likely = sorted({cost.unused, cost.used})
        packed = ", as PNG in requests" if is_address(case.model.spec) else ""
        megabytes = " to ".join(f"{queries * cost.bytes_asked / 1e6:,.0f}" for queries in likely)
        minutes = " to ".join(f"{queries * cost.seconds / 60:,.1f}" for queries in likely)
        return (
            f"That is {megabytes} MB of pictures{packed}, and {minutes} minutes of one core to "
            "make them; the model's own time and the network's are not in it."
        )

    def _priced(self, queries: float) -> str:
        cost = f" ({queries / 1000 * self.price:,.2f})" if self.price else ""
        return f"{queries:,.0f} queries{cost}"


def audit(
    ledger: Annotated[Path, typer.Option(help="the secret file of `taggant mark`")],
    raw: Annotated[
        list[Path], typer.Option(help="folder of the raw pictures; each one that holds some")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="URL, checkpoint, LIBRARY:NAME, hf:FOLDER, FILE.onnx, module:function, run folder"
        ),
    ],
    out: Annotated[Path, typer.Option(help="where the audit is written; keep it to yourself")],
    kind: ModelKind,
    choice: ScoreChoice,
    claims: Claims,
    spending: Spending,
    access: EndpointAccess,
    platform: Platform,
    sending: Sending,
    published: Annotated[
        list[Path] | None,
        typer.Option(
            help="folder of the published pictures, each one that holds some; not for "
            "--evidence controls"
        ),
    ] = None,
    classes: Annotated[
        str,
        typer.Option(help="the model's classes in its order, by commas; or its own; or the labels"),
    ] = "",
    batches: Annotated[
        str, typer.Option(help="of `mark --append`, by commas, 1,3; left out: all of them")
    ] = "",
) -> None:
    """Ask a model about your pictures; a call that was cut short goes on where it stopped."""
    _refuse_secrets_in_folders(ledger, out, raw, published, platform.published_copy)
    own = FolderLedger.load(ledger)
    if batches:
        own = own.of_batches(parse_counts("--batches", batches))
    _refuse_waiting(own)
    labels = [entry.label for entry in own.entries if entry.label]
    named = parse_names("--classes", classes)
    pictures = gather_raw(own, *raw)
    rule = claims.rule(len(own.shown), own.terms.n)
    found = _published(own, rule, pictures, published, platform)
    options = model_options(kind, access, len(named), len(classes_of(labels, named)))
    score_config = choice.config(kind.victim or "classifier")  # what is mistyped costs nothing
    transform = platform.explained(found, len(own.batches))
    asked = opened(model, options)
    if not choice.score:
        score_config = choice.config(asked.kind)
    if is_address(model) and asked.spec != model:
        note(
            f"note: records name the model {asked.spec}. Keys are better given as --header "
            "NAME=VARIABLE: what is typed stands in the shell's history."
        )
    in_order = classes_of(labels, named or asked.classes)
    case = Case(own, asked, score_config, rule, transform, in_order, sending.send)
    case.check()
    if auditing.finished(case, out) is None:
        spending.agree(case, estimate(case, pictures, found, kind.batch), len(own.shown))
    record = auditing.run(case, pictures, found, out, spending.budget, _progress)
    note(summary(certificate(own, record)))
    note(f"Audit: {out} (keep it to yourself). `taggant certify` makes what you can show.")


def _refuse_waiting(own: FolderLedger) -> None:
    """Refuse batches of which nothing is published yet."""
    waiting = [one.terms.beacon for one in own.batches if one.awaits_beacon]
    if waiting:
        raise ValueError(
            f"{len(waiting)} batches await {', '.join(waiting)}, and nothing of them is published: "
            "give --batches with the others (`taggant status` shows which), or `taggant mark "
            "--beacon-value`"
        )


def _published(
    own: FolderLedger,
    rule: DecisionRule,
    raw: PictureFiles,
    folders: Sequence[Path] | None,
    platform: Platform,
) -> list[FoundPicture]:
    """The published pictures, where something is compared with them."""
    if not rule.by_versions and not platform.published_copy:
        return []
    if rule.by_versions and own.terms.marking.unmarked:
        raise ValueError(
            "these pictures have no marks, hence no hidden versions to compare with: accepted is "
            "--evidence controls"
        )
    if not folders:
        raise ValueError("--published: needed, but for --evidence controls without copies")
    return gather(own, raw, *folders)


def _refuse_secrets_in_folders(
    ledger: Path,
    out: Path,
    raw: Sequence[Path],
    published: Sequence[Path] | None,
    copies: Sequence[Path] | None,
) -> None:
    named = {"--raw": raw, "--published": published or (), "--published-copy": copies or ()}
    for name, folders in named.items():
        for folder in folders:
            refuse_inside("--ledger", ledger, {name: folder})
            refuse_inside("--out", out, {name: folder})


def _progress(done: int, paid: int, count: int) -> None:
    note_progress(f"{done} of {count} pictures, {paid} queries answered", done, count)
