"""Where pictures were marked, as files hold it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taggant.marking.place import Place
from taggant.owner.form import Form, Line


class Made(Form):
    """See `taggant.marking.place.Place`."""

    device: Literal["cpu", "cuda"]
    threads: Annotated[int, Field(ge=1, le=4096)]
    name: Line
    torch: Line

    @classmethod
    def here(cls) -> Made:
        """This machine."""
        return cls.of(**vars(Place.here()))

    def build(self) -> Place:
        """The place."""
        return Place(**self.plain())
