"""Every figure and table by name: ``python -m experiments list``.

One module a figure or table, ``experiments/<group>/<name>.py``, found by where it lies. It names

- its title and what it shows: the docstring;
- the runs that it needs, ``RUNS``: names of ``conf/experiment/``, by default its own name;
- ``collect(runs)``: from the table of those runs (`taggant.report.runs`) to the tidy table that is
  kept in ``results/<group>/<name>.csv``; by default the swept columns and the rates;
- ``draw(table)``: a matplotlib figure, or a table of text, from that file alone;
- ``EXPECTED``: what must come out, and how nearly.
"""

from experiments.expected import Expected

__all__ = ["Expected"]
