"""The certificate for people, beside the JSON file."""

from __future__ import annotations

from fractions import Fraction
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from taggant.owner.certificate import Certificate
from taggant.owner.controlled import ASSUMPTION
from taggant.owner.unchecked import Given, unchecked


def page(certificate: Certificate) -> str:
    """The certificate for people: says what is proved and what is not."""
    environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True)
    template = files("taggant.owner").joinpath("certificate.html").read_text(encoding="utf-8")
    rows = [(one, certificate.pictures[one.seal]) for one in certificate.openings]
    claimed = [(opened, picture) for opened, picture in rows if picture.claim]
    notes = [note.text for note in unchecked(certificate, Given(page=True))]
    taken = sum(picture.taken for picture in certificate.pictures)
    beacons = all(one.terms.beacon for one in certificate.batches)
    return environment.from_string(template).render(
        c=certificate,
        claimed=claimed,
        taken=taken,
        notes=notes,
        assumption=ASSUMPTION,
        beacons=beacons,
        by_chance=by_chance(certificate),
        q=float(Fraction(certificate.rule.q or 0)),
    )


def by_chance(certificate: Certificate) -> str:
    """What would be claimed if no picture was used; stands beside every number of claims."""
    q = certificate.rule.q
    if q is not None:
        return f"if none was used, there would be any claim at all with probability {q} at most"
    expected = certificate.size * certificate.published
    return f"{expected:.3g} would be by chance if none was used, on average and at most"
