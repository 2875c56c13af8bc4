"""Where pictures were marked, as files hold it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taggant.marking.device import MarkingDevice
from taggant.owner.form import Form, Line


class Made(Form):
    """See `taggant.marking.device.MarkingDevice`."""

    device: Literal["cpu", "cuda"]
    threads: Annotated[int, Field(ge=1, le=4096)]
    name: Line
    torch: Line

    @classmethod
    def here(cls) -> Made:
        """This machine."""
        return cls.of(**vars(MarkingDevice.here()))

    def build(self) -> MarkingDevice:
        """The place."""
        return MarkingDevice(**self.plain())
