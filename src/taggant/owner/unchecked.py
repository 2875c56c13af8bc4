"""What a certificate asks one to believe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from taggant.owner.certificate import Certificate
from taggant.owner.controlled import ASSUMPTION
from taggant.owner.drand import round_of


@dataclass(frozen=True)
class Given:
    """What a verifier has beside the certificate.

    Attributes
    ----------
    page, beacon, model, classes : bool
        The page beside it, the beacons' values as looked up, the model with the raw pictures, and
        the names of its classes.
    public, stamped : int
        Of how many batches the public commitment, and a timestamp of it that was found right.
    """

    page: bool = False
    public: int = 0
    stamped: int = 0
    beacon: bool = False
    model: bool = False
    classes: bool = False


@dataclass(frozen=True)
class Note:
    """What has to be believed, and the fields of the certificate that say it."""

    text: str
    fields: tuple[str, ...] = ()


SAID = (
    Note("the dates, the number of queries and the versions of software", (
        "created", "queries", "software", "made.torch", "made.name", "further.made.torch",
        "further.made.name",
    )),
    Note("that the address or file asked is the model meant", ("model.spec",)),
    Note("how many models, scores, tests, commitments and choices of batches the owner tried"),
    Note("who owns the pictures, and whether their use was allowed"),
)  # fmt: skip
"""Never checked."""


def unchecked(c: Certificate, given: Given) -> tuple[Note, ...]:
    """What a certificate that was found right still asks one to believe."""
    notes = list(SAID)
    if not given.page:
        notes.append(Note("the page for people: there is none beside it, NAME.html"))
    notes += _of_the_draw(c, given)
    closed = len(c.seals) - len(c.openings)
    if closed:
        notes.append(
            Note(
                f"the answers for {closed} pictures that are not opened, on which the p-value of "
                "the set rests (the claims do not)"
            )
        )
    if c.transform:
        notes.append(
            Note(f"that a platform did {c.transform} to the published files", ("transform",))
        )
    if c.model.classes and not given.classes:
        notes.append(
            Note(
                "that these are the model's classes, in this order (--classes)", ("model.classes",)
            )
        )
    return tuple(notes) if given.model else (*notes, *_of_the_model(c))


def _of_the_draw(c: Certificate, given: Given) -> Iterator[Note]:
    batches = len(c.batches)
    dated = max(given.public, given.stamped)
    if dated < batches:
        which = f"the commitments of {batches - dated} of {batches} batches were"
        which = "the commitment was" if batches == 1 else which
        yield Note(f"that {which} made public before the model (--commitment, --timestamp)")
    if given.stamped:
        yield Note("that the model is younger than the timestamps, and their authority honest")
    if c.beacons and not given.beacon:
        said = " and ".join(f"{beacon} said {value}" for beacon, value in c.beacons.items())
        yield Note(f"that {said} (--beacon-value)", ("value", "further.value"))
    if c.beacons and not _older_than_the_beacons(c, given):
        yield Note(
            "that the commitments were public before the beacons that they name spoke, else the "
            "owner could have chosen the published versions (--timestamp, of rounds of drand)"
        )
    without = sum(not one.terms.beacon for one in c.batches)
    some = "" if without == batches else f" (in {without} of {batches} batches)"
    if without:
        yield Note(
            "that the owner drew the published versions at random, and chose labels and captions "
            f"without looking at them: no public beacon was named{some}"
        )
    if c.asked:
        yield Note(ASSUMPTION)
    if c.asked and without:
        yield Note(
            "that the owner drew by lot which pictures are published: without a public beacon she "
            f"could have chosen those that any model finds easy{some}"
        )


def _older_than_the_beacons(c: Certificate, given: Given) -> bool:
    """Whether timestamps showed it: of all batches, and beacons whose date is known."""
    return given.stamped == len(c.batches) and None not in map(round_of, c.beacons)


def _of_the_model(c: Certificate) -> Iterator[Note]:
    fields = ["model.fingerprint", "score", "made.device", "made.threads"]
    fields += ["further.made.device", "further.made.threads"]
    fields += ["opened.scores", "opened.again", "opened.published_sha256"] if c.opened else []
    fields += ["members.score", "rule.asked"] if c.asked else []
    fields += ["send"] if c.send is not None else []
    yield Note(
        "that the model gives these scores, by this score, of versions whose pixels"
        " are those published (--model)",
        tuple(fields),
    )
    if any(opened.grid for opened in c.opened):
        yield Note("the rounding grid of the scores (--model)", ("opened.grid",))
    if c.terms.network is not None:
        yield Note("that the marker's network has the weights committed to (--model)")
