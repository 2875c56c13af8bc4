"""What of an address may be shown: no parameter that is not listed, and no password."""

from __future__ import annotations

import pytest

from taggant.urls import is_address, redact, secrets_of, shown

KEY = "k3y-0f-m1ne"
NAMES = (
    *("api-key", "subscription-key", "code", "auth", "x-api-key", "access_key", "sas", "sig"),
    *("API_KEY", "Ocp-Apim-Subscription-Key", "k", "jwt", "anything"),
)
ADDRESSES = (
    *(f"https://h.org/a?{name}={KEY}" for name in NAMES),
    *(f"https://h.org/a?version=2&{name}={KEY}&model=cats" for name in NAMES),
    f"https://h.org/a?{KEY}",
    f"https://h.org/a?version=2;key={KEY}",
    f"https://h.org/a?version={KEY}%20%20",
    f"https://h.org/a?model={KEY * 9}",
    f"https://h.org/a;key={KEY}",
    f"https://h.org/a#{KEY}",
    f"https://me:{KEY}@h.org/a",
    f"https://{KEY}@h.org/a",
    f"https://{KEY}:@h.org/a",
    f"https://me:w@{KEY}@h.org/a",
    f"HTTPS://me:{KEY}@H.org/a?b={KEY}",
    f"http://[::1?key={KEY}",
)


@pytest.mark.parametrize("url", ADDRESSES)
def test_no_key_of_an_address_is_shown(url):
    assert KEY not in shown(url)
    assert KEY not in redact(f"--model {url}: no such file")
    assert KEY not in redact(f"({url!r}) failed, {url}, and again")
    assert is_address(url)


@pytest.mark.parametrize("slashes", ["/", "\\\\", ""])
def test_nor_of_one_with_other_slashes(slashes):
    for person in (f"me:{KEY}", KEY):
        assert KEY not in shown(f"https:{slashes}{person}@h.org/a?key={KEY}")


@pytest.mark.parametrize("url", [*ADDRESSES[: 2 * len(NAMES) + 1], f"https://me:{KEY}@h.org/"])
def test_keys_are_known_so_that_they_are_hidden_wherever_they_stand(url):
    assert redact(f"invalid key {KEY}", secrets_of(url)) == "invalid key redacted"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"me:{KEY}@h.org/a: no module", "redacted@h.org/a: no module"),
        (f"h.org/a?sas={KEY} is no file", "h.org/a?redacted is no file"),
        (f"https:/me:{KEY}@h.org/a", "https:///redacted@h.org/a"),
        (f'"POST /a?sas={KEY} HTTP/1.1" 200', '"POST /a?redacted HTTP/1.1" 200'),
        (f'"POST /a?{KEY} HTTP/1.1" 200', '"POST /a?redacted HTTP/1.1" 200'),
        ("no key 'cels'. Did you mean 'cells'? a=b", "no key 'cels'. Did you mean 'cells'? a=b"),
        ("12:30, a@b.org", "12:30, a@b.org"),
    ],
)
def test_messages_show_no_keys(text, redacted):
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "url",
    [
        "https://h.org:8080/a/b",
        "https://h.org/a?api-version=2024-01-01",
        "http://127.0.0.1:80/?model=org/cats&top_k=5",
    ],
)
def test_other_addresses_stay_as_they_are(url):
    assert shown(url) == redact(url) == url
    assert not secrets_of(url)


def test_records_do_not_depend_on_the_key():
    one, other = (shown(f"https://h/a?key={key}&model=cats") for key in ("first", "second"))
    assert one == other == "https://h/a?model=cats&redacted"
