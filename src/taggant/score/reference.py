"""References: models that the owner trains herself, to know how hard each image is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class References:
    """Models that the owner trains by the victim's own recipe, on raw images.

    They know neither marks nor what was published, so a score that is less what they say of an
    image or version is the same function of all versions: no guarantee changes.

    Parameters
    ----------
    count : int
        How many; 0 for none. With `known` an even number, and 4 or more: every image is in half of
        them, and two tell how much models differ.
    public : int
        Further images of the run's source, which no part of the run sees, that each learns from.
    known : bool
        Whether they learn from halves of the run's own images; else from public ones alone.
    weight : float
        Of their mean score of a version, taken from the victim's, 0..1; fixed beforehand. 0 leaves
        version ranks alone, so that the references serve comparisons of whole images only.

    Raises
    ------
    ValueError
        For values that are not accepted, naming those that are.
    """

    count: int = 0
    public: int = 0
    known: bool = True
    weight: float = 0.5

    def __post_init__(self) -> None:
        if self.count < 0 or (self.known and (self.count % 2 or self.count == 2)):
            raise ValueError(
                f"reference.count = {self.count}: accepted are 0, 4, 6, 8, ...: every image is in "
                "one half of them, and two tell how much models differ"
            )
        if self.count and not self.known and self.public < 1:
            raise ValueError(
                f"reference.public = {self.public}: references that know no image of the run "
                "(reference=public) need public ones: accepted are 1, 2, 3, ..."
            )
        if not 0 <= self.weight <= 1:
            raise ValueError(f"reference.weight = {self.weight}: accepted are numbers from 0 to 1")
