"""What fits no schema ends in one short line, at once, whatever it holds."""

from __future__ import annotations

import json
import time
import tracemalloc
from fractions import Fraction
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import FailFast, Field

from taggant.owner import schema
from taggant.owner.schema import Schema, SchemaError, decimal, parse, parse_values


class Row(Schema):
    name: schema.RelativeName
    used: bool


class Table(Schema):
    schema_: Annotated[Literal["table 1"], Field(alias="schema")]
    n: Annotated[int, Field(ge=1, le=10)]
    x: float
    level: schema.Decimal
    at: schema.Timestamp
    says: schema.Line
    rows: Annotated[tuple[Row, ...], Field(max_length=3), FailFast()]


GOOD = {
    "schema": "table 1",
    "n": 3,
    "x": 0.5,
    "level": "0.05",
    "at": "2030-01-31T12:00:00+00:00",
    "says": "a line",
    "rows": [{"name": "a/b.png", "used": True}],
}
HUGE = {
    "nested lists": b"[" * 200_000,
    "nested objects": b'{"a":' * 200_000,
    "a long number": b'{"n":' + b"9" * 15_000_000 + b"}",
    "a number of 5,000 digits": b'{"n":' + b"9" * 5_000 + b"}",
    "a long text": b'{"n":"' + b"x" * 15_000_000 + b'"}',
    "many values": b'{"rows":[' + b"0," * 3_000_000 + b"0]}",
    "many wrong values": b'{"rows":[' + b"0," * 300_000 + b"0]}",
    "many objects": b'{"rows":[' + b'{"a":1},' * 60_000 + b"0]}",
    "more objects": b'{"rows":[' + b"{}," * 500_000 + b"0]}",
    "many fields": b"{" + b",".join(b'"%d":1' % i for i in range(300_000)) + b"}",
    "a long name": b'{"' + b"k" * 15_000_000 + b'":1}',
    "a large file": b" " * (schema.LARGEST_FILE + 1),
}


def refused(content):
    """The one line that content is refused with."""
    with pytest.raises(SchemaError) as error:
        parse(Table, content)
    line = str(error.value)
    assert line.isprintable()
    assert len(line) < 600
    return line


def changed(**fields):
    return json.dumps({**GOOD, **fields}).encode()


def test_what_is_right_is_read():
    table = parse(Table, json.dumps(GOOD).encode())
    assert table.rows[0].name == "a/b.png"
    assert parse_values(Table, GOOD) == table


@pytest.mark.parametrize(
    ("field", "values", "says"),
    [
        ("n", [0, 11, -1, 10**9, 1.0, True, "1", None, [], {}], "n = "),
        ("x", ["0.5", True, None, [0.5]], "x = "),
        ("level", ["0.050", "5e-2", "1/20", ".05", "0", "1", "1e-99999999", "nan", 0.05], "level"),
        ("at", ["2030-01-31", "now", "2030-13-01T00:00:00+00:00", 1], "at = "),
        ("says", ["two\nlines", "\x1b[2J", "\u202etxt", "x" * 1001, 1], "says = "),
        ("rows", [[GOOD["rows"][0]] * 4, {}, [{}], [[]], [None]], "rows"),
        ("schema", ["table 2", 1, None], "its schema is "),
    ],
)
def test_a_wrong_value_is_named_with_its_field(field, values, says):
    for value in values:
        assert says in refused(changed(**{field: value})), value


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../b", "./a", "a//b", "a/", "", ".", "..", "a\\b", "a\nb"]
)
def test_a_name_leads_nowhere_else(name):
    assert "rows.0.name" in refused(changed(rows=[{"name": name, "used": True}]))


def test_truth_is_no_number_and_fields_are_known():
    assert "rows.0.used = 1" in refused(changed(rows=[{"name": "a", "used": 1}]))
    assert "note: there is no such field" in refused(changed(note=1))
    assert "n is missing" in refused(json.dumps({k: GOOD[k] for k in GOOD if k != "n"}).encode())
    assert "occurs twice" in refused(b'{"n":1,"n":2}')


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"null", b"[]", b"3", b'"x"', b"{", b"\xff\xfe", b"\x00", b'{"x":NaN}'),
        *(b'{"says":"\\ud800"}', b'{"x":Infinity}', b'{"x":1e999}', b"\xef\xbb\xbf{}"),
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_refused(content):
    refused(content)


@pytest.mark.parametrize("name", HUGE)
def test_much_of_anything_is_refused_at_once(name):
    tracemalloc.start()
    start = time.process_time()
    refused(HUGE[name])
    seconds = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 5  # traced; a tenth of it untraced
    assert peak < 16 * schema.LARGEST_FILE


def test_no_more_of_a_file_is_read_than_is_accepted(tmp_path):
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(3 << 30)
    with pytest.raises(SchemaError, match="accepted at most"):
        schema.read_bounded(tmp_path / "large")


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_refused_in_a_line(content):
    refused(content)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
TREES = st.recursive(
    LEAVES, lambda t: st.lists(t, max_size=3) | st.dictionaries(st.text(), t), max_leaves=8
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), TREES, min_size=1))
def test_any_change_is_refused_or_read_as_it_was_written(fields):
    asked = {**GOOD, **fields}
    try:
        table = parse(Table, json.dumps(asked).encode())
    except SchemaError as error:
        line = str(error)
        assert line.isprintable()
        return
    assert table.plain() == asked


def test_a_probability_is_written_in_one_way():
    for text, written in (
        ("5e-2", "0.05"),
        ("0.050", "0.05"),
        ("1/20", "0.05"),
        ("2/600", "1/300"),
    ):
        assert decimal(text) == written
    for text in ("0", "1", "1.5", "-0.1", "1e-999", "0.05x", "1/0", "", "9" * 100):
        with pytest.raises(ValueError, match="accepted are"):
            decimal(text)


@given(st.integers(1, 10**6), st.integers(2, 10**6))
def test_a_probability_keeps_its_value(above, below):
    value = Fraction(above, above + below)
    assert Fraction(decimal(str(value))) == value
    assert decimal(decimal(str(value))) == decimal(str(value))
