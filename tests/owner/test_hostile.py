"""Whatever a certificate holds, it ends in a named failure, or in what has to be believed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.conftest import ROOT
from tests.owner.forged import (
    changed,
    controlled_record,
    drop,
    marked,
    put,
    record_of,
    renewed,
    split_folder,
    text,
    two_batches,
)
from typer.testing import CliRunner

from taggant.owner.certificate import Certificate
from taggant.owner.certify import certificate
from taggant.owner.cli import app
from taggant.owner.schema import to_json
from taggant.owner.unchecked import Given, unchecked
from taggant.owner.verify import verify

TARGET = {"_target_": "os.system", "command": "true"}
WRONG: dict[type, dict[str, Any]] = {
    str: {
        **{"empty": "", "a number": 1, "nothing": None, "a list": [], "a part": TARGET},
        **{"long": "x" * 100_000, "a command": "\x1b[2J", "two lines": "a\nb", "bidi": "\u202eab"},
        **{"a way out": "../../etc/passwd", "digits": "1e-99999999", "module": "taggant.os.system"},
        **{"surrogate": "\ud800", "spaces": "  ", "written otherwise": "0.10"},
    },
    int: {
        **{"negative": -1, "nought": 0, "large": 10**9, "larger": 10**12, "digits": 10**400},
        **{"a fraction": 0.5, "truth": True, "text": "1", "nothing": None, "a list": [1]},
    },
    float: {
        **{"negative": -0.5, "large": 1e300, "digits": 10**400, "truth": True, "text": "0.5"},
        **{"nothing": None, "a list": [0.5], "half": 0.5, "not a number": float("nan")},
    },
    bool: {"one": 1, "nought": 0, "text": "true", "nothing": None, "a list": [True]},
    type(None): {"a number": 1, "text": "x", "a part": TARGET, "truth": False, "a list": []},
    list: {"empty": [], "nothing": None, "a part": TARGET, "text": "x", "holes": [None]},
    dict: {"empty": {}, "nothing": None, "a part": TARGET, "text": "x", "a list": []},
}


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> dict[str, Any]:
    return json.loads(to_json(made_in(tmp_path_factory.mktemp("hostile"))))


@pytest.fixture(scope="module")
def split_body(tmp_path_factory) -> dict[str, Any]:
    return json.loads(to_json(split_in(tmp_path_factory.mktemp("split"))))


@pytest.fixture(scope="module")
def batch_body(tmp_path_factory) -> dict[str, Any]:
    ledger = two_batches(tmp_path_factory.mktemp("batches"))
    return json.loads(to_json(certificate(ledger, record_of(ledger))))


def made_in(root) -> Certificate:
    ledger = marked(root)
    return certificate(ledger, record_of(ledger))


def split_in(root, test: str = "combined") -> Certificate:
    ledger = split_folder(root)
    return certificate(ledger, controlled_record(ledger, test))


# --- every field -------------------------------------------------------------------------------


def forms(annotation: Any) -> Iterator[type[BaseModel]]:
    """The forms that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation) if get_origin(annotation) is not None else ():
        yield from forms(inner)


def fields(kind: type[BaseModel], before: str = "") -> Iterator[str]:
    """Names of all fields of a schema, those of schemas inside it after a dot."""
    for name, field in kind.model_fields.items():
        path = before + (field.alias or name)
        inner = list(forms(field.annotation))
        yield path
        for one in inner:
            yield from fields(one, f"{path}.")


FIELDS = sorted(set(fields(Certificate)))


def place(body: dict[str, Any], field: str) -> tuple[Any, ...] | None:
    """Where a field stands in a certificate: in the first element of each list on the way."""
    way: list[Any] = []
    at: Any = body
    for name in field.split("."):
        if isinstance(at, list) and at:
            way.append(0)
            at = at[0]
        if not isinstance(at, dict) or name not in at:
            return None
        way.append(name)
        at = at[name]
    return tuple(way)


def value(body: dict[str, Any], way: tuple[Any, ...]) -> Any:
    at: Any = body
    for step in way:
        at = at[step]
    return at


# Fields that the certificate below has, and the types of their values there.
PRESENT: dict[str, type] = {
    **dict.fromkeys(("schema", "created", "commitment", "value", "software", "sha256"), str),
    **dict.fromkeys(("size", "set_p"), float),
    **dict.fromkeys(("seals", "pictures", "opened", "model.classes"), list),
    **dict.fromkeys(("opened.scores", "opened.again"), list),
    **dict.fromkeys(("model", "score", "rule", "transform", "terms", "made"), dict),
    **dict.fromkeys(("model.spec", "model.fingerprint", "model.answers"), str),
    **dict.fromkeys(("score.statistic", "score.access", "terms.marking"), dict),
    **dict.fromkeys(("score.statistic.kind", "score.access.kind", "score.average"), str),
    **dict.fromkeys(("score.views", "queries", "made.threads", "terms.quality"), int),
    **dict.fromkeys(("score.augment", "rule.q", "transform.side", "terms.network"), type(None)),
    "transform.quality": type(None),
    **dict.fromkeys(("rule.test", "rule.level", "terms.format", "terms.beacon"), str),
    **dict.fromkeys(("terms.derivation", "terms.marking.n", "terms.marking.epsilon"), int),
    "terms.marking.strategy": dict,
    "terms.marking.strategy.kind": str,
    "terms.marking.strategy.cells": int,
    "terms.marking.strategy.mirror": bool,
    **dict.fromkeys(("made.device", "made.name", "made.torch"), str),
    **dict.fromkeys(("pictures.bits", "pictures.doubtful"), str),
    **dict.fromkeys(("pictures.read", "pictures.exceedances"), int),
    **dict.fromkeys(("pictures.p_value", "pictures.adjusted", "opened.grid"), float),
    **dict.fromkeys(("pictures.claim", "pictures.taken", "terms.spares_clear"), bool),
    **dict.fromkeys(("opened.seal", "opened.published"), int),
    **dict.fromkeys(("opened.id", "opened.raw_sha256", "opened.name", "opened.label"), str),
    **dict.fromkeys(("opened.caption", "opened.secret", "opened.nonce"), str),
    "opened.published_sha256": str,
}
# Fields of a certificate by withheld pictures beside those.
OF_A_SPLIT: dict[str, type] = {
    **dict.fromkeys(("members", "shown"), list),
    **dict.fromkeys(("members.picture", "members.split"), str),
    **dict.fromkeys(("members.group", "shown.seal", "rule.asked"), int),
    **dict.fromkeys(("shown.id", "shown.raw_sha256", "shown.name", "shown.label"), str),
    **dict.fromkeys(("shown.caption", "shown.secret", "shown.nonce", "rule.weight"), str),
    **dict.fromkeys(("terms.withhold.share", "terms.withhold.groups"), str),
    "members.score": float,
    "terms.withhold": dict,
    "terms.withhold.count": type(None),
}
# Fields of a certificate of several batches beside those.
OF_BATCHES: dict[str, type] = {
    "further": list,
    "further.made": dict,
    **dict.fromkeys(("further.pictures", "further.derivation", "further.made.threads"), int),
    **dict.fromkeys(("further.beacon", "further.value", "further.made.device"), str),
    **dict.fromkeys(("further.made.name", "further.made.torch"), str),
}
HOSTILE = [(field, wrong) for field, kind in PRESENT.items() for wrong in WRONG[kind]]


def believed(c: Certificate) -> set[str]:
    """The fields that `verify` lists as not checked."""
    return {field for note in unchecked(c, Given()) for field in note.fields}


def covers(names: set[str], field: str) -> bool:
    return any(field == name or field.startswith(f"{name}.") for name in names)


def ends(content: bytes, field: str) -> None:
    """Assert that a certificate ends in a line, or says that the field has to be believed."""
    found = verify(content)
    if found.certificate is not None:
        assert covers(believed(found.certificate), field), field
        return
    wrong = found.checks[-1].wrong
    assert wrong.isprintable()
    assert 0 < len(wrong) < 400


HOSTILE_OF_A_SPLIT = [(field, w) for field, kind in OF_A_SPLIT.items() for w in WRONG[kind]]
HOSTILE_OF_BATCHES = [(field, w) for field, kind in OF_BATCHES.items() for w in WRONG[kind]]


def test_these_are_the_fields_that_a_certificate_has(body, split_body, batch_body):
    of_batches = {field for field in FIELDS if place(batch_body, field) is not None} - set(PRESENT)
    assert of_batches == set(OF_BATCHES)
    for field, kind in OF_BATCHES.items():
        assert type(value(batch_body, place(batch_body, field) or ())) is kind, field
    more = {field for field in FIELDS if place(split_body, field) is not None} - set(PRESENT)
    assert more == set(OF_A_SPLIT)
    for field, kind in OF_A_SPLIT.items():
        assert type(value(split_body, place(split_body, field) or ())) is kind, field
    there = {field for field in FIELDS if place(body, field) is not None}
    assert there == set(PRESENT)
    for field, kind in PRESENT.items():
        assert type(value(body, place(body, field) or ())) is kind, field
    assert len(HOSTILE) > 350


@pytest.mark.parametrize(("field", "wrong"), HOSTILE, ids=lambda part: part)
def test_a_hostile_value_ends_in_a_line_or_has_to_be_believed(body, field, wrong):
    way, hostile = place(body, field), WRONG[PRESENT[field]][wrong]
    if value(body, way) == hostile and type(value(body, way)) is type(hostile):
        hostile = {"": "other", "half": 0.25}.get(hostile, 3)
    ends(as_typed(changed(body, put(*way, value=hostile)), field != "sha256"), field)


@pytest.mark.parametrize(("field", "wrong"), HOSTILE_OF_A_SPLIT, ids=lambda part: part)
def test_a_hostile_value_of_a_split_ends_in_a_line_or_has_to_be_believed(split_body, field, wrong):
    way, hostile = place(split_body, field), WRONG[OF_A_SPLIT[field]][wrong]
    if value(split_body, way) == hostile and type(value(split_body, way)) is type(hostile):
        hostile = "other" if hostile == "" else 3
    ends(as_typed(changed(split_body, put(*way, value=hostile))), field)


@pytest.mark.parametrize(("field", "wrong"), HOSTILE_OF_BATCHES, ids=lambda part: part)
def test_a_hostile_value_of_batches_ends_in_a_line_or_has_to_be_believed(batch_body, field, wrong):
    way, hostile = place(batch_body, field), WRONG[OF_BATCHES[field]][wrong]
    if value(batch_body, way) == hostile and type(value(batch_body, way)) is type(hostile):
        hostile = "other" if hostile == "" else 3
    ends(as_typed(changed(batch_body, put(*way, value=hostile))), field)


def as_typed(body: dict[str, Any], renew: bool = True) -> bytes:
    """With a digest of its own, where there is one of such values."""
    try:
        return renewed(body) if renew else text(body)
    except ValueError:  # of what is no number
        return json.dumps(body, default=str).encode()


@pytest.mark.parametrize("field", [*PRESENT, *OF_A_SPLIT, *OF_BATCHES])
def test_a_field_less_or_more_is_refused(body, split_body, batch_body, field):
    body = {**dict.fromkeys(OF_A_SPLIT, split_body), **dict.fromkeys(OF_BATCHES, batch_body)}.get(
        field, body
    )
    way = place(body, field)
    for change in (drop(*way), put(*way[:-1], "more", value=1)):
        check = verify(as_typed(changed(body, change), field != "sha256")).checks[-1]
        assert not check.ok


def test_other_values_of_the_right_form_follow_or_have_to_be_believed(body):
    """One that is as good by itself, for each field: the next number, another name, its reverse."""
    others = {str: lambda v: v[::-1] if len(set(v)) > 1 else v + "1", int: lambda v: v + 1}
    others |= {
        float: lambda v: v / 2 if v else 0.25,
        bool: lambda v: not v,
        list: lambda v: v[::-1],
    }
    for field, kind in PRESENT.items():
        way = place(body, field)
        if kind in others and value(body, way) != others[kind](value(body, way)):
            ends(as_typed(changed(body, put(*way, by=others[kind])), field != "sha256"), field)


# --- the table in the documentation ------------------------------------------------------------

KINDS = ("recomputed", "statement", "refused by type")


def table() -> dict[str, str]:
    """Field -> what it is, as docs/threats.md says."""
    text = (ROOT / "docs" / "threats.md").read_text()
    section = text.split("## Fields of a certificate", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    return {
        field: kind.strip() for names, kind in rows for field in re.findall(r"`([^`]+)`", names)
    }


def test_the_documentation_names_every_field_and_what_it_is():
    told = table()
    assert set(told.values()) <= set(KINDS)
    leaves = [f for f in FIELDS if not any(other.startswith(f"{f}.") for other in FIELDS)]
    for leaf in leaves:
        assert sum(covers({field}, leaf) for field in told) == 1, leaf
    assert all(any(covers({field}, leaf) for leaf in leaves) for field in told)


def test_what_the_documentation_calls_a_statement_is_listed_as_not_checked(tmp_path):
    made = split_in(tmp_path)
    coarse = made.opened[0].replace(grid=0.5)
    everything = made.replace(
        opened=(coarse, *made.opened[1:]),
        transform=made.transform.replace(quality=80),
        send=512,
    )
    statements = {field for field, kind in table().items() if kind == "statement"}
    assert believed(everything) == statements
    page_and_output = [note.text for note in unchecked(everything, Given())]
    assert len(page_and_output) == len(set(page_and_output)) >= 10


# --- the command -------------------------------------------------------------------------------


def told(*words: Any) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["verify", *map(str, words)], catch_exceptions=False)
    return result.exit_code, result.output


HUGE: dict[str, bytes] = {
    "nested lists": b"[" * 200_000,
    "nested objects": b'{"opened":' * 200_000,
    "a number of many digits": b'{"size":' + b"9" * 1_000_000 + b"}",
    "empty": b"",
    "bytes": bytes(range(256)),
    "an array": b"[1]",
    "utf-16": "{}".encode("utf-16"),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_no_certificate_ends_in_a_line_at_once(tmp_path, name):
    (tmp_path / "c.json").write_bytes(HUGE[name])
    start = time.process_time()
    status, output = told(tmp_path / "c.json")
    assert time.process_time() - start < 1
    assert status == 1
    assert output.startswith("WRONG the file is whole\n")
    assert output.count("\n") == 2


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    for name in ("c.json", "d.json", "d.html", "public.json"):
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(3 << 30)
    start = time.process_time()
    status, output = told(tmp_path / "c.json")
    assert status == 1
    assert "more than" in output
    (tmp_path / "d.json").write_bytes(b"{}")
    assert told(tmp_path / "d.json")[0] == 1
    (tmp_path / "d.html").unlink()
    assert told(tmp_path / "d.json", "--commitment", tmp_path / "public.json")[0] == 1
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("way", "number"),
    [
        (("terms", "marking", "n"), 0),
        (("terms", "marking", "n"), 10**9),
        (("pictures", 0, "read"), 10**12),
        (("rule", "level"), "1e-99999999"),
        (("rule", "level"), "1/" + "9" * 5000),
        (("score", "views"), 10**9),
        (("transform", "side"), 10**9),
        (("transform", "width"), 10**9),
        (("transform", "webp"), 10**9),
        (("transform", "crop"), [10**6] * 4),
    ],
    ids=str,
)
def test_work_is_bounded(tmp_path, body, way, number):
    (tmp_path / "c.json").write_bytes(renewed(changed(body, put(*way, value=number))))
    start = time.process_time()
    status, output = told(tmp_path / "c.json")
    assert time.process_time() - start < 1
    assert status == 1
    assert way[-1] in output


def test_what_has_to_be_believed_is_listed_in_the_output(tmp_path, body):
    (tmp_path / "c.json").write_bytes(renewed(body))
    status, output = told(tmp_path / "c.json")
    assert status == 0
    for words in ("the dates", "is the model meant", "(--classes)", "the page for people"):
        assert re.search(rf"not checked: .*{re.escape(words)}", output)
    output = told(tmp_path / "c.json", "--classes", "class0,class1")[1]
    assert "(--classes)" not in output


# --- fuzzing -----------------------------------------------------------------------------------

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=70)
    | st.sampled_from(["0.1", "1/3", "optimal", "rank", "a" * 64, "a" * 32, "kind", 0, 1, 39, 0.5])
)
TREES = st.recursive(
    LEAVES,
    lambda t: st.lists(t, max_size=3) | st.dictionaries(st.sampled_from(["kind", "n", "x"]), t),
    max_leaves=6,
)
CHANGES = st.lists(st.tuples(st.sampled_from(sorted(PRESENT)), TREES), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None)  # of the clock: other processes would decide
@given(CHANGES)
def test_any_change_ends_in_a_line_or_has_to_be_believed(body, changes):
    made = json.loads(json.dumps(body))
    fields = []
    for field, tree in changes:
        way = place(made, field)
        if way is not None:
            put(*way, value=tree)(made)
            fields.append(field)
    found = verify(as_typed(made))
    if found.certificate is not None:
        same = made == {**body, "sha256": made["sha256"]}
        assert same or all(
            covers(believed(found.certificate), f)
            or value(made, place(made, f)) == value(body, place(body, f))
            for f in fields
        )
    else:
        assert found.checks[-1].wrong.isprintable()
