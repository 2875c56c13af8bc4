"""Addresses as they may be shown: without keys, which stand in parameters and before the host."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit, urlunsplit

SHOWN = frozenset({"api-version", "api_version", "format", "model", "top_k", "version"})
"""Parameters that say which model answers, and how; any other one may be a key."""
SHORT = re.compile(r"[\w.:/-]{1,64}")
HIDDEN = "redacted"
LEAST = 4
"""Letters of a secret that is looked for in messages; a shorter one occurs by itself."""
ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*:/+[^\s'\"<>`]+")
PERSON = re.compile(r"[^\s/@:'\"]+:[^\s/@'\"]+@(?=[\w\[])")
QUERY = re.compile(r"\?([^\s?'\"<>`]{4,})")


def is_address(text: str) -> bool:
    """Whether a text is an HTTP address."""
    return text.lower().startswith(("http://", "https://"))


def shown(url: str) -> str:
    """An address without what may be secret in it.

    Names and passwords before the host, parameters that `SHOWN` does not list, and fragments are
    each replaced by one word. A key in the path is not recognised.

    Parameters
    ----------
    url : str
        Anything; what cannot be read as an address is hidden but for its scheme.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition(':')[0]}://{HIDDEN}"
    person, at, host = parts.netloc.rpartition("@")
    path, semicolon, _ = parts.path.partition(";")
    if not host and "@" in path:  # one slash too few, or of the wrong kind
        path = f"/{HIDDEN}@{path.rpartition('@')[2]}"
    return urlunsplit(
        (
            parts.scheme,
            f"{HIDDEN if person else ''}{at}{host}",
            f"{path}{semicolon}{HIDDEN if semicolon else ''}",
            _query(parts.query),
            HIDDEN if parts.fragment else "",
        )
    )


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """A message without secrets, and with every address in it as `shown`.

    Parameters
    ----------
    text : str
    secrets : iterable of str
        Texts that must not be shown wherever they occur, such as the values of headers.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN) if len(secret) >= LEAST else text
    text = ADDRESS.sub(lambda found: shown(found[0]), text)
    text = PERSON.sub(f"{HIDDEN}@", text)
    return QUERY.sub(lambda found: f"?{_query(found[1])}", text)


def secrets_of(url: str) -> set[str]:
    """The values in an address that `shown` hides."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return set()
    pairs = [pair for pair in _pairs(parts.query) if not _may_be_shown(*pair)]
    hidden = [value or name for name, value in pairs]
    return {*filter(None, (*hidden, parts.username, parts.password, parts.fragment))}


def _query(query: str) -> str:
    pairs = _pairs(query)
    kept = [f"{name}={value}" for name, value in pairs if _may_be_shown(name, value)]
    return "&".join([*kept, *[HIDDEN] * (len(kept) < len(pairs))])


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query.replace(";", "&"), keep_blank_values=True)


def _may_be_shown(name: str, value: str) -> bool:
    return name.lower() in SHOWN and SHORT.fullmatch(value) is not None
