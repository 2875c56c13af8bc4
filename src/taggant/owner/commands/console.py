"""Where the commands say what they did."""

from __future__ import annotations

from rich.console import Console

console = Console(soft_wrap=True, highlight=False)


def note(text: str, style: str | None = None) -> None:
    """Print a line as it is: what stands in brackets is no mark-up."""
    console.print(text, markup=False, style=style)
