"""The recorded market data that WORKBENCH_RECORDED_DATA names, read as it lies there; numbers stay text."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

ROOT = Path(os.environ.get("WORKBENCH_RECORDED_DATA", "/nonexistent"))

recorded = pytest.mark.skipif(not ROOT.is_dir(), reason="no recorded data: set WORKBENCH_RECORDED_DATA")

parse = msgspec.json.Decoder(float_hook=str).decode  # every number stays as exact as the venue wrote it


class Record(NamedTuple):
    """One record of a recorded conversation: config, connect, send, recv or http; `at` is UTC ns of the recorder."""

    kind: str
    at: int
    message: Any
    url: str
    file: str


class Line(NamedTuple):
    """A frame of a recorded stream and the UTC ns at which it was received."""

    received: int
    message: Any


def conversation(venue: str) -> Iterator[Record]:
    """Every record of `ws/VENUE.jsonl.gz`, in the order it was written."""
    for line in lines(f"ws/{venue}.jsonl.gz"):
        record = parse(line)
        text = record.get("raw")
        message = parse(text) if text else None
        yield Record(record["kind"], nanoseconds(record.get("ts", "0")), message, record.get("url", ""), record["file"])


def frames(venue: str) -> Iterator[Line]:
    """What the venue sent over its sockets in `ws/VENUE.jsonl.gz`."""
    for record in conversation(venue):
        if record.kind == "recv":
            yield Line(record.at, record.message)


def stream(name: str) -> Iterator[Line]:
    """The frames of `l2/NAME.txt.gz`, whose lines are `<local ns> <frame>`."""
    for line in lines(f"l2/{name}.txt.gz"):
        received, _, frame = line.partition(b" ")
        yield Line(int(received), parse(frame))


def lines(path: str) -> Iterator[bytes]:
    """The lines of a gzipped file."""
    with gzip.open(ROOT / path) as file:
        for line in file:
            yield line.strip()


def document(path: str) -> Any:
    """A whole gzipped JSON file."""
    return parse(gzip.decompress((ROOT / path).read_bytes()))


def nanoseconds(seconds: str) -> int:
    """UTC ns of decimal seconds, digit by digit."""
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])
