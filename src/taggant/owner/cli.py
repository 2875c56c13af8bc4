"""`taggant`: mark a folder, publish it, audit a model, hand over a certificate."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taggant.cli import EXPECTED
from taggant.owner import audit as auditing
from taggant.owner import certify as certifying
from taggant.owner import mark as marking
from taggant.owner import verify as verifying
from taggant.owner.case import Case
from taggant.owner.certificate import Certificate, Given, unchecked
from taggant.owner.cost import Cost, estimate
from taggant.owner.decision import TESTS, DecisionRule
from taggant.owner.gather import FoundPicture, check_copies, copies_of, gather
from taggant.owner.labels import Labelling, classes_of
from taggant.owner.ledger import Entry, FolderLedger
from taggant.owner.models.model import VICTIMS, Model, ModelOptions
from taggant.owner.models.open import open_model
from taggant.owner.models.preprocessing import IMAGENET
from taggant.owner.models.run_folder import victim_of
from taggant.owner.pictures import KEEP, SUFFIX_OF
from taggant.owner.reask import verify_scores
from taggant.owner.record import Record
from taggant.owner.schema import SchemaError, read_bounded
from taggant.owner.secret_paths import refuse_inside
from taggant.owner.serve import Service
from taggant.owner.transform import Transform, fit
from taggant.owner.typed import (
    typed_choice,
    typed_decimal,
    typed_marking,
    typed_numbers,
    typed_score,
)
from taggant.stats import __main__ as planning
from taggant.urls import is_address, redact

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(soft_wrap=True, highlight=False)


@app.callback()
def taggant() -> None:
    """Prove that a model was trained on your pictures."""


def main() -> None:
    """Run the command line; a failure is one clear message and exit status 2."""
    try:
        app()
    except EXPECTED as error:
        said = f"error: {redact(str(error))}"
        Console(stderr=True).print(said, style="red", markup=False, soft_wrap=True)
        sys.exit(2)


@app.command()
def mark(
    folder: Annotated[Path, typer.Argument(help="your pictures, in any sub-folders")],
    out: Annotated[Path, typer.Option(help="where the published versions go")],
    ledger: Annotated[
        Path, typer.Option(help="your secret file; keep it, and keep it to yourself")
    ],
    n: Annotated[int, typer.Option(help="versions of each picture")] = 1000,
    eps: Annotated[int, typer.Option(help="largest change of a pixel, in grey levels")] = 10,
    scheme: Annotated[
        str, typer.Option(help="a file of conf/marking/strategy, e.g. scaled_sign, sign, jacobian")
    ] = "scaled_sign",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of the scheme, e.g. marking.strategy.cells=16"),
    ] = None,
    file_format: Annotated[
        str, typer.Option("--format", help="keep (lossless: WebP, TIFF, else PNG), or one of all")
    ] = KEEP,
    quality: Annotated[int, typer.Option(min=1, max=100, help="of JPEG")] = 95,
    strip_gps: Annotated[
        bool, typer.Option("--strip-gps", help="leave out where the pictures were taken")
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option(help="folders (the first one of a name), none, or a CSV file: name,label"),
    ] = None,
    captions: Annotated[Path | None, typer.Option(help="CSV file: name,caption")] = None,
    beacon: Annotated[
        str, typer.Option(help="public random value that will choose the versions, by name")
    ] = "",
    beacon_value: Annotated[str, typer.Option(help="what that beacon said")] = "",
) -> None:
    """Mark a folder of pictures before you publish it."""
    typed_choice("--format", file_format, (KEEP, *SUFFIX_OF))

    def fresh(entries: Sequence[Entry]) -> FolderLedger:
        made = typed_marking(scheme, n, eps, set_ or [])
        return FolderLedger.draw(made, entries, beacon, file_format, quality)

    if file_format == "jpeg":
        console.print(
            "warning: JPEG is lossy. Part of every mark is lost, and detection with it; png, webp "
            "and tiff keep all of it.",
            style="yellow",
        )
    told = None if labels is None and captions is None else Labelling(labels or "folders", captions)
    result = marking.mark(
        folder, out, ledger, fresh, file_format, beacon_value, place=not strip_gps, labelling=told
    )
    _say(result, out, ledger)


def _say(result: marking.Marked, out: Path, ledger: Path) -> None:
    for note in result.notes:
        console.print(f"note: {note}", style="dim", markup=False)
    public = marking.commitment_path(ledger)
    if result.quality is None:
        console.print(f"Commitment {result.ledger.commitment} made ({public}).", markup=False)
        console.print(
            f"Timestamp it now. When {result.ledger.terms.beacon} is out, give the same command "
            "with --beacon-value VALUE; nothing is published before."
        )
    else:
        q = result.quality
        console.print(
            f"{result.written} pictures written to {out}, {result.kept} were there already.\n"
            f"PSNR {q.psnr:.1f} dB, SSIM {q.ssim:.3f}, no pixel changed by more than {q.linf} of "
            f"255. Contact sheet: {ledger.with_suffix('.sheet.png')} (keep it to yourself).\n"
            f"Commitment {result.ledger.commitment} ({public}).",
            markup=False,
        )
    console.print(timestamp_advice(public), markup=False)


def timestamp_advice(public: Path) -> str:
    """How to prove later that the commitment was there before the model."""
    query = public.with_suffix(".tsq")
    return (
        "Timestamp the commitment before you publish the pictures, so that it counts:\n"
        "  - post it where the date cannot be changed and anyone can see it, or\n"
        "  - have a timestamp authority (RFC 3161) sign it:\n"
        f"      curl -H 'Content-Type: application/timestamp-query' --data-binary @{query} "
        f"URL-OF-AUTHORITY > {public.with_suffix('.tsr')}\n"
        f"      openssl ts -verify -data {public} -in {public.with_suffix('.tsr')} -CAfile "
        "AUTHORITY.pem"
    )


SCORES = {"classifier": "margin", "encoder": "pairwise_cosine", "clip": "image_text"}
"""Score that is taken for a kind of model where none is named."""
MEAN, STD = (",".join(map(str, numbers)) for numbers in IMAGENET)
Arch = Annotated[
    str, typer.Option(help="of a checkpoint: torchvision:NAME, timm:NAME, open_clip:NAME")
]
Victim = Annotated[str, typer.Option(help=f"what the model is: {', '.join(VICTIMS)}")]
Rate = Annotated[float | None, typer.Option(min=1e-6, help="most pictures per second")]
Retries = Annotated[int, typer.Option(min=0, help="further tries of a failed request")]
Timeout = Annotated[float, typer.Option(min=1e-3, help="seconds to wait for an answer")]
Header = Annotated[
    list[str] | None, typer.Option(help="NAME=VARIABLE: HTTP header from the environment")
]
Size = Annotated[int, typer.Option(min=1, help="side of the model's input in pixels")]
Batch = Annotated[int, typer.Option(min=1, help="pictures per request or forward")]
Norm = Annotated[str, typer.Option(help="three numbers of a local model's input, 0..1")]


@app.command()
def audit(
    ledger: Annotated[Path, typer.Option(help="the secret file of `taggant mark`")],
    raw: Annotated[Path, typer.Option(help="folder of the raw pictures")],
    published: Annotated[Path, typer.Option(help="folder of the published pictures")],
    model: Annotated[
        str, typer.Option(help="URL, checkpoint, FILE.onnx, module:function, or run.py run folder")
    ],
    out: Annotated[Path, typer.Option(help="where the audit is written; keep it to yourself")],
    victim: Victim = "classifier",
    arch: Arch = "",
    classes: Annotated[
        str,
        typer.Option(help="the model's classes in its order, by commas; or the labels, sorted"),
    ] = "",
    score: Annotated[
        str, typer.Option(help="a file of conf/score; left out: the usual one of --victim")
    ] = "",
    access: Annotated[
        str, typer.Option(help="what a local model shows: conf/score/access; left out: all of it")
    ] = "",
    set_: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the score")] = None,
    p: Annotated[str, typer.Option(help="error of one picture's claim")] = "0.05",
    fdr: Annotated[str, typer.Option(help="instead: share of wrong claims among the claims")] = "",
    used: Annotated[
        float, typer.Option(min=1e-6, max=1, help="share of used pictures that --fdr plans for")
    ] = 0.5,
    level: Annotated[
        str, typer.Option(help="of one picture's test with --fdr; planned if empty")
    ] = "",
    test: Annotated[str, typer.Option(help=f"{', '.join(TESTS)}")] = "optimal",
    published_copy: Annotated[
        Path | None, typer.Option(help="the pictures as a platform re-encoded them")
    ] = None,
    transform: Annotated[
        str, typer.Option(help="what it did: fit, jpeg:85, resize:1024, resize:1024+jpeg:85")
    ] = "fit",
    budget: Annotated[
        int | None, typer.Option(min=0, help="most queries, over all calls together")
    ] = None,
    price: Annotated[float, typer.Option(min=0, help="of 1,000 queries, for the estimate")] = 0.0,
    rate: Rate = None,
    retries: Retries = 5,
    timeout: Timeout = 30.0,
    header: Header = None,
    size: Size = 224,
    mean: Norm = MEAN,
    std: Norm = STD,
    batch: Batch = 32,
    yes: Annotated[bool, typer.Option("--yes", help="start without asking")] = False,
) -> None:
    """Ask a model about your pictures; a call that was cut short goes on where it stopped."""
    folders = {"--raw": raw, "--published": published}
    folders |= {} if published_copy is None else {"--published-copy": published_copy}
    for option, path in (("--ledger", ledger), ("--out", out)):
        refuse_inside(option, path, folders)
    own = FolderLedger.load(ledger)
    labels = [entry.label for entry in own.entries if entry.label]
    named = classes_of(labels, _names(classes))
    found = gather(own, raw, published)
    options = ModelOptions(
        arch=arch,
        victim=victim,
        classes=len(named) or 1,
        size=size,
        mean=typed_numbers("--mean", mean),
        std=typed_numbers("--std", std, 0),
        batch_size=batch,
        rate=rate,
        timeout=timeout,
        retries=retries,
        headers=_headers(header or []),
    )
    form = typed_score(score or SCORES[victim], access, set_ or [])
    step = _transform(found, published_copy, transform)
    rule = (
        _rule_of_sets(fdr, test, level, len(found), own.terms.n, used)
        if fdr
        else _rule(p, test, level)
    )
    asked = _opened(model, options)
    if is_address(model) and asked.spec != model:
        console.print(
            f"note: records name the model {asked.spec}. Keys are better given as --header "
            "NAME=VARIABLE: what is typed stands in the shell's history.",
            markup=False,
        )
    case = Case(own, asked, form, rule, step, named)
    case.check()
    if auditing.finished(case, out) is None:
        _estimate(case, estimate(case, found, batch), len(found), price, budget, yes)
    record = auditing.run(case, found, out, budget, _progress)
    console.print(_summary(certifying.certificate(own, record)), markup=False)
    console.print(f"Audit: {out} (keep it to yourself). `taggant certify` makes what you can show.")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"--classes {text}: accepted are different names, {twice} is there twice")
    return names


def _rule(p: str, test: str, level: str) -> DecisionRule:
    if level:
        raise ValueError(f"--level {level}: accepted with --fdr only; without it, --p is the level")
    return DecisionRule.each(typed_decimal("--p", p), typed_choice("--test", test, TESTS))


def _rule_of_sets(
    fdr: str, test: str, level: str, pictures: int, n: int, used: float
) -> DecisionRule:
    if typed_choice("--test", test, TESTS) != "optimal":
        raise ValueError(f"--test {test}: with --fdr, accepted is optimal")
    planned = typed_decimal("--level", level) if level else ""
    return DecisionRule.discoveries(typed_decimal("--fdr", fdr), pictures, n, used, planned)


def _opened(spec: str, options: ModelOptions) -> Model:
    model = open_model(spec, options)
    if model.note:
        console.print(f"note: {model.note}", markup=False)
    return model


def _headers(pairs: Sequence[str]) -> dict[str, str]:
    """HTTP headers, whose values are read from the environment so that no key stands in a log.

    What was typed is shown only where it cannot be the key itself.
    """
    headers = {}
    for pair in pairs:
        name, _, variable = pair.partition("=")
        if not re.fullmatch(r"[\w-]+", name) or not re.fullmatch(r"[A-Za-z_]\w*", variable):
            raise ValueError(
                "--header: accepted is NAME=VARIABLE, where VARIABLE is the name of an environment "
                "variable (letters, digits, _) that holds the value; the value itself is not"
            )
        if variable not in os.environ:
            typed = "(not shown)" if re.search(r"\d", variable) else variable
            raise ValueError(f"--header {name}: the environment has no variable {typed}")
        headers[name] = os.environ[variable]
    return headers


def _transform(found: Sequence[FoundPicture], folder: Path | None, text: str) -> Transform:
    if folder is None:
        return Transform()
    copies = copies_of(found, folder)
    fitted = text == "fit"
    step = fit(copies, [one.published for one in found]) if fitted else Transform.parse(text)
    check_copies(found, copies, step)
    console.print(f"The platform's copies are explained by: {str(step) or 'no change'}.")
    return step


def _estimate(
    case: Case,
    cost: Cost,
    count: int,
    price: float,
    budget: int | None,
    yes: bool,
) -> None:
    most = cost.most if budget is None else min(budget, cost.most)
    console.print(
        f"{count} pictures, test {case.rule.test} of level {case.rule.level}: on average "
        f"{_priced(cost.unused, price)} if none was used, {_priced(cost.used, price)} if all were "
        f"(as strongly as the test is made for); never more than {_priced(most, price)}. Failed "
        "requests come on top."
    )
    if not yes and not typer.confirm("Start?"):
        raise typer.Abort


def _priced(queries: float, price: float) -> str:
    cost = f" ({queries / 1000 * price:,.2f})" if price else ""
    return f"{queries:,.0f} queries{cost}"


def _progress(done: int, paid: int, count: int) -> None:
    console.print(f"{done} of {count} pictures, {paid} queries answered", style="dim")


def _summary(c: Certificate) -> str:
    claims = sum(one.claim for one in c.pictures)
    error = f"false-detection rate of each {c.size:.4g}"
    error = error if c.rule.q is None else f"false discovery rate {c.rule.q}"
    taken = sum(one.taken for one in c.pictures)
    doubt = f" {taken} more would be, but for answers that tied or moved." if taken else ""
    return (
        f"{claims} of {len(c.pictures)} pictures claimed as used ({error}).{doubt} "
        f'For "none of them was used": p = {c.set_p:.3g}. {c.queries} queries answered.'
    )


@app.command()
def certify(
    ledger: Annotated[Path, typer.Option(help="the secret file of `taggant mark`")],
    record: Annotated[Path, typer.Option("--audit", help="what `taggant audit` wrote")],
    out: Annotated[Path, typer.Option(help="the certificate, NAME.json; a page beside it")],
    everything: Annotated[
        bool, typer.Option("--open-all", help="open the unclaimed pictures too")
    ] = False,
) -> None:
    """Make the certificate: it opens what is claimed, and nothing else."""
    if out.exists():
        raise ValueError(f"{out} is there already; it is not overwritten")
    made = certifying.certificate(FolderLedger.load(ledger), Record.load(record), everything)
    page = certifying.write(made, out)
    console.print(f"{_summary(made)}\nCertificate {out}, page {page}.", markup=False)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="a certificate, NAME.json")],
    commitment: Annotated[Path | None, typer.Option(help="the public commitment file")] = None,
    beacon_value: Annotated[
        str | None, typer.Option(help="what the beacon said, as you looked it up")
    ] = None,
    model: Annotated[str, typer.Option(help="ask every score again of this model")] = "",
    raw: Annotated[
        Path | None, typer.Option(help="folder of the raw pictures, with --model")
    ] = None,
    victim: Victim = "classifier",
    arch: Arch = "",
    size: Size = 224,
    mean: Norm = MEAN,
    std: Norm = STD,
    classes: Annotated[
        str, typer.Option(help="the model's classes in its order, by commas, as you know them")
    ] = "",
    batch: Batch = 32,
    rate: Rate = None,
    retries: Retries = 5,
    timeout: Timeout = 30.0,
    header: Header = None,
) -> None:
    """Check a certificate; exit status 1 if anything is wrong with it."""
    page = file.with_suffix(".html")
    given = Given(
        page.exists(), commitment is not None, bool(beacon_value), bool(model), bool(classes)
    )
    found = verifying.verify(
        _content(file),
        _content(page) if page.exists() else None,
        None if commitment is None else _content(commitment),
        beacon_value,
        _names(classes) or None,
    )
    checks, c = list(found.checks), found.certificate
    if model and c is not None:
        if raw is None:
            raise ValueError("--model needs --raw: versions are made from the raw pictures")
        options = ModelOptions(
            arch=arch,
            victim=victim,
            classes=len(_names(classes)) or len(c.model.classes) or 1,
            size=size,
            mean=typed_numbers("--mean", mean),
            std=typed_numbers("--std", std, 0),
            batch_size=batch,
            rate=rate,
            timeout=timeout,
            retries=retries,
            headers=_headers(header or []),
        )
        checks += verify_scores(c, _opened(model, options), raw)
    for check in checks:
        console.print(f"{'ok   ' if check.ok else 'WRONG'} {check.name}", style=_colour(check))
        if check.wrong:
            console.print(f"      {check.wrong}", markup=False)
    if c is None or not all(check.ok for check in checks):
        raise typer.Exit(1)
    for note in unchecked(c, given):
        console.print(f"not checked: {note.text}", style="yellow", markup=False)


def _content(file: Path) -> bytes:
    try:
        return read_bounded(file)
    except SchemaError as error:
        console.print(f"WRONG the file is whole\n      {error}", style="bold red", markup=False)
        raise typer.Exit(1) from None


def _colour(check: verifying.Check) -> str:
    return "green" if check.ok else "bold red"


@app.command()
def plan(
    p: Annotated[str, typer.Option(help="wanted error of one picture's claim")] = "0.05",
    power: Annotated[
        float, typer.Option(help="wanted chance that a used picture is claimed")
    ] = 0.9,
    n: Annotated[
        list[int] | None, typer.Option(help="versions to compare; several if left out")
    ] = None,
    mean: Annotated[
        float,
        typer.Option(help="share of hidden versions that beat a used picture's published one"),
    ] = 0.01,
    pictures: Annotated[int, typer.Option(min=1, help="plan this many at once, at --fdr")] = 1,
    fdr: Annotated[float, typer.Option(help="share of wrong claims among the claims")] = 0.05,
    used: Annotated[float, typer.Option(help="expected share of used pictures")] = 0.5,
) -> None:
    """How many versions and queries a wanted power and error need, before you publish."""
    if pictures > 1:
        arguments = ["plan-set", "--images", str(pictures), "--q", str(fdr), "--used", str(used)]
        arguments += ["--n", str(n[0])] if n else []
    else:
        arguments = ["plan", "--p", p, "--power", str(power)]
        arguments += ["--n", *map(str, n)] if n else []
    status = planning.main([*arguments, "--mean", str(mean)])
    if status:
        raise typer.Exit(status)


@app.command()
def serve(
    run: Annotated[Path, typer.Argument(help="a run folder of run.py")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="on this machine; 0: any free one")
    ] = 8000,
    labels_only: Annotated[bool, typer.Option("--labels-only", help="no confidences")] = False,
) -> None:
    """Answer for the victim of a run, to try audits by URL."""
    trained = victim_of(run)
    with Service(trained.victim, trained.size, port, labels_only) as service:
        console.print(f"serving {run} at {service.url} (Ctrl-C ends it)", markup=False)
        try:
            service.serve_forever()
        except KeyboardInterrupt:
            console.print(f"{service.answered} pictures answered")
