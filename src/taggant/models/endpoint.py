"""A model that answers over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypedDict

from taggant.models.model import AGAINST, VICTIMS, Model, ModelOptions
from taggant.score.access import Embedding, Full
from taggant.score.oracle import Access
from taggant.score.remote import EmbeddingEndpoint, Endpoint, Remote
from taggant.urls import shown


class Transport(TypedDict):
    """How an endpoint is reached, as `Remote` takes it."""

    timeout: float
    retries: int
    rate: float | None
    headers: Mapping[str, str]


def endpoint(url: str, options: ModelOptions) -> Model:
    """The model behind a URL that keeps to the contract of `taggant.score.remote`.

    Raises
    ------
    ValueError
        For image-text models, which the contract knows no answers of.
    """
    if options.kind not in ("classifier", "encoder"):
        raise ValueError(
            f"{options.key('victim')} {options.kind}: an endpoint answers with confidences, labels "
            "or embeddings; accepted are classifier and encoder (for others, ask through "
            "module:function)"
        )
    classes = options.class_count or 0
    if options.kind == "classifier" and not classes:
        raise ValueError(
            f"{options.key('classes')}: needed of a classifier behind a URL, how many it has"
        )

    def oracle(access: Access) -> Remote:
        check_access(access, options)
        if options.kind == "encoder":
            return EmbeddingEndpoint(url, batch_size=options.batch_size, **transport(options))
        return Endpoint(url, classes=classes, batch_size=options.batch_size, **transport(options))

    named = shown(url)
    fingerprint = hashlib.sha256(named.encode()).hexdigest()
    answers, against = VICTIMS[options.kind], AGAINST.get(options.kind)
    return Model(named, fingerprint, answers, against, oracle, address=url)


def check_access(access: Access, options: ModelOptions) -> None:
    """Refuse access levels that only a local model can be restricted to.

    Raises
    ------
    ValueError
    """
    if not isinstance(access, (Full, Embedding)):
        raise ValueError(
            f"{options.key('access')}: what an endpoint shows is for itself to say; leave it out"
        )


def transport(options: ModelOptions) -> Transport:
    """How an endpoint is reached."""
    return {
        "timeout": options.timeout,
        "retries": options.retries,
        "rate": options.rate,
        "headers": dict(options.headers),
    }
