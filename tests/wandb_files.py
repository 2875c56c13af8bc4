"""Reads what wandb writes offline: a LevelDB log of protocol buffers."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

HEADER, BLOCK = 7, 32768
FULL, FIRST, LAST = 1, 2, 4


def records(path: Path) -> Iterator[Any]:
    """Every record of a ``.wandb`` file."""
    content = path.read_bytes()
    assert content[:4] in (b":W&B", b"")
    at, parts = HEADER, b""
    while at + HEADER <= len(content):
        left = BLOCK - at % BLOCK
        if left < HEADER:  # the rest of a block that is too short for a record
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        if at + HEADER + length > len(content):  # it is being written
            return
        parts += content[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(parts)
            yield record
            parts = b""


def run(path: Path) -> dict[str, Any]:
    """What a file says of its run: id, group, config, summary, history, exit code."""
    found: dict[str, Any] = {"config": {}, "summary": {}, "history": [], "exit": None}
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found |= {"id": record.run.run_id, "group": record.run.run_group}
            found["config"] |= _items(record.run.config.update)
        elif kind == "config":
            found["config"] |= _items(record.config.update)
        elif kind == "summary":
            found["summary"] |= _items(record.summary.update)
        elif kind == "history":
            found["history"].append(_items(record.history.item))
        elif kind == "exit":
            found["exit"] = record.exit.exit_code
    return found


def _items(items: Any) -> dict[str, Any]:
    return {i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in items}
