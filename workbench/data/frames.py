"""The journal's bytes: how a segment begins, and how a frame of records is wrapped and checked.

A segment is a header and then frames. A frame is a header of its own and a body, the lines of its
records. Each header carries its own CRC, so a damaged length is damage and never passes for the
torn end of a file; each frame carries the hash of everything before it and itself.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

import msgspec

MAGIC = b"WBJOURN\n"
VERSION = 1
NO_CHAIN = bytes(32)  # what the first segment follows on

_CRC = struct.Struct(">I")
_SEGMENT = struct.Struct(">8sII32s")  # magic, version, number, chain so far
_FRAME = struct.Struct(">III32s")  # body length, records, body CRC, chain with this body
SEGMENT_HEADER = _SEGMENT.size + _CRC.size
FRAME_HEADER = _FRAME.size + _CRC.size


class Damaged(Exception):
    """Bytes that are all there and still not what was written; the text says in what way."""


class FrameHeader(msgspec.Struct, frozen=True):
    """What a frame says of its body; `length` is in bytes."""

    length: int
    records: int
    crc: int
    chain: bytes


def chained(chain: bytes, body: bytes) -> bytes:
    """The chain value after `body`."""
    return hashlib.sha256(chain + body).digest()


def segment_header(number: int, chain: bytes) -> bytes:
    """How segment `number` begins when everything before it hashes to `chain`."""
    return _with_crc(_SEGMENT.pack(MAGIC, VERSION, number, chain))


def check_segment_header(header: bytes, number: int, chain: bytes) -> None:
    """Raises Damaged unless `header` begins segment `number` and follows on `chain`."""
    magic, version, written, follows = _SEGMENT.unpack(header[: _SEGMENT.size])
    if magic != MAGIC:
        raise Damaged("this is not a journal segment")
    if version != VERSION:
        raise Damaged(f"format version {version} is unknown here; this program reads version {VERSION}")
    if not _crc_fits(header):
        raise Damaged("the segment header fails its CRC")
    if written != number:
        raise Damaged(f"it was written as segment {written:06d}")
    if follows != chain:
        raise Damaged("it does not follow on the segment before it")


def follows_on(header: bytes, number: int) -> bytes:
    """The hash of all before it, as the header of segment `number` tells it; raises Damaged as the check does."""
    if len(header) < SEGMENT_HEADER:
        raise Damaged("the segment header is cut off")
    chain: bytes = _SEGMENT.unpack(header[: _SEGMENT.size])[3]
    check_segment_header(header, number, chain)
    return chain


def frame(chain: bytes, body: bytes, records: int) -> bytes:
    """A whole frame: header and body. `chain` is the value with this body taken in."""
    return _with_crc(_FRAME.pack(len(body), records, zlib.crc32(body), chain)) + body


def frame_header(header: bytes) -> FrameHeader:
    """What `header` says; raises Damaged where it fails its own CRC."""
    if not _crc_fits(header):
        raise Damaged("a frame header fails its CRC")
    return FrameHeader(*_FRAME.unpack(header[: _FRAME.size]))


def check_body(body: bytes, header: FrameHeader, chain: bytes) -> None:
    """Raises Damaged unless `body` is what `header` was written for, following on `chain`."""
    if zlib.crc32(body) != header.crc:
        raise Damaged("a frame fails its CRC")
    if chained(chain, body) != header.chain:
        raise Damaged("a frame does not follow on the one before it: one was removed, repeated or moved")
    if body.count(b"\n") != header.records or not body.endswith(b"\n"):
        raise Damaged(f"a frame does not hold the {header.records} records it was written with")


def _with_crc(header: bytes) -> bytes:
    return header + _CRC.pack(zlib.crc32(header))


def _crc_fits(header: bytes) -> bool:
    return _CRC.pack(zlib.crc32(header[: -_CRC.size])) == header[-_CRC.size :]
