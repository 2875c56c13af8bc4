"""Values of options that are typed wrong are told by their option."""

from __future__ import annotations

import pytest

from taggant.owner.commands.parse import parse_choice, parse_decimal, parse_names, parse_numbers


def test_other_values_are_told_by_their_option():
    with pytest.raises(ValueError, match=r"^--p '5%': accepted are numbers such as 0.05"):
        parse_decimal("--p", "5%")
    with pytest.raises(ValueError, match=r"^--test optiml: .*\(did you mean optimal\?\)"):
        parse_choice("--test", "optiml", ("optimal", "rank"))
    for text in ("0.5", "a,b,c", "1,2,3,4", "", "nan,1,1", "inf,1,1"):
        with pytest.raises(ValueError, match=rf"^--mean {text}: accepted are three numbers, as"):
            parse_numbers("--mean", text)
    with pytest.raises(ValueError, match=r"^--std 0,1,1: accepted are three numbers above 0"):
        parse_numbers("--std", "0,1,1", 0)
    assert parse_numbers("--mean", "-1,0.5,2") == (-1, 0.5, 2)


def test_names_between_commas():
    assert parse_names("--classes", " a, b b,,c ") == ("a", "b b", "c")
    assert parse_names("--classes", "") == ()
    with pytest.raises(ValueError, match=r"^--classes a,b,a: accepted are different names, a is"):
        parse_names("--classes", "a,b,a")
