"""How the differences of one venue's order book follow each other, and how a venue proves what a book holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from itertools import chain, zip_longest
from zlib import crc32

import msgspec

from workbench.connectors.heard import HeardBook
from workbench.connectors.quarantine import Doubt, Doubtful


class Step(Enum):
    """What a difference is to the book that is held."""

    OLD = "old"  # in the book already
    NEXT = "next"
    GAP = "gap"  # something between is missing


Texts = Iterable[str]  # of each level, best first


class Proof(msgspec.Struct, frozen=True):
    """A checksum: what each level gives, of how many levels a side, and what becomes of bids and asks."""

    level: Callable[[str, str], str]
    depth: int
    join: Callable[[Texts, Texts], str]

    def of(self, bids: Texts, asks: Texts) -> int:
        """The unsigned CRC32 that the venue should have said."""
        return crc32(self.join(bids, asks).encode())


class Continuity(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's rule: `step` judges a difference against the last message in the book.

    `in_stream` is whether snapshots come among the differences, in their order; elsewhere they are asked for,
    and the differences meanwhile wait for them.
    """

    step: Callable[[HeardBook, HeardBook], Step]
    in_stream: bool = True
    proof: Proof | None = None


def _binance(held: HeardBook, heard: HeardBook) -> Step:
    first, last, at = _id(heard.first), _id(heard.last), _id(held.last)
    if last <= at:
        return Step.OLD
    joins = first <= at + 1 if held.snapshot else first == at + 1
    return Step.NEXT if joins else Step.GAP


def _binance_usdm(held: HeardBook, heard: HeardBook) -> Step:
    previous, last, at = _id(heard.previous), _id(heard.last), _id(held.last)
    if last <= at:
        return Step.OLD
    joins = previous <= at if held.snapshot else previous == at
    return Step.NEXT if joins else Step.GAP


def _okx(held: HeardBook, heard: HeardBook) -> Step:
    if heard.previous is None or heard.previous == held.last:  # None: streams from before there were ids, proved by sum
        return Step.NEXT
    said_twice = (heard.previous, heard.last) == (
        held.previous,
        held.last,
    )  # ids may restart: a lower one proves nothing
    return Step.OLD if said_twice else Step.GAP


def _bybit(held: HeardBook, heard: HeardBook) -> Step:
    last, at = _id(heard.last), _id(held.last)
    if last <= at:
        return Step.OLD
    return Step.NEXT if last == at + 1 else Step.GAP


def _deribit(held: HeardBook, heard: HeardBook) -> Step:
    last, at = _id(heard.last), _id(held.last)
    if last <= at:
        return Step.OLD
    return Step.NEXT if _id(heard.previous) == at else Step.GAP


def _unnumbered(held: HeardBook, heard: HeardBook) -> Step:
    return Step.NEXT


def _id(number: int | None) -> int:
    if number is None:
        raise Doubtful(Doubt.UNREADABLE, "update id: expected a number, got none")
    return number


def _okx_level(price: str, quantity: str) -> str:
    return f"{price}:{quantity}"


def _okx_join(bids: Texts, asks: Texts) -> str:
    return ":".join(filter(None, chain.from_iterable(zip_longest(bids, asks))))


def _kraken_level(price: str, quantity: str) -> str:
    return price.replace(".", "").lstrip("0") + quantity.replace(".", "").lstrip("0")


def _kraken_join(bids: Texts, asks: Texts) -> str:
    return "".join(chain(asks, bids))


UNNUMBERED = Continuity(step=_unnumbered)  # nothing tells of a loss but a crossed book

CONTINUITY: Mapping[str, Continuity] = {
    "binance": Continuity(step=_binance, in_stream=False),
    "binanceusdm": Continuity(step=_binance_usdm, in_stream=False),
    "okx": Continuity(step=_okx, proof=Proof(_okx_level, 25, _okx_join)),
    "kraken": Continuity(step=_unnumbered, proof=Proof(_kraken_level, 10, _kraken_join)),
    "bybit": Continuity(step=_bybit),
    "deribit": Continuity(step=_deribit),
    "coinbase": UNNUMBERED,
    "bitfinex": UNNUMBERED,
    "generic": UNNUMBERED,
}
