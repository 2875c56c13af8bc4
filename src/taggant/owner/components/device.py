"""What marked the pictures, as files hold it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taggant.marking.device import MarkingDevice
from taggant.owner.schema import Line, Schema


class RecordedDevice(Schema):
    """See `taggant.marking.device.MarkingDevice`."""

    device: Literal["cpu", "cuda"]
    threads: Annotated[int, Field(ge=1, le=4096)]
    name: Line
    torch: Line

    @classmethod
    def here(cls) -> RecordedDevice:
        """This machine."""
        return cls.from_values(**vars(MarkingDevice.here()))

    def build(self) -> MarkingDevice:
        """The device, as the marking knows it."""
        return MarkingDevice(**self.plain())
