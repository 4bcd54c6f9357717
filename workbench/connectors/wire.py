"""The wire: authenticated calls and raw frames of one account on one venue, and nothing that thinks.

`venue.py` holds the policy, a dialect knows the venue's words, a wire carries them. ccxt is one wire; a
simulation hands in its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from workbench.core.errors import VenueUnavailable


class Urgency(StrEnum):
    """What a call is for; the limiter serves them in this order."""

    CANCEL = "cancel"  # and everything a kill does
    ORDER = "order"
    QUERY = "query"  # open orders, balances, own trades
    FATE = "fate"  # what became of one order: while that is unknown it counts at its worst
    MARKET = "market"  # snapshots, history, listings


QUESTIONS = frozenset({Urgency.FATE, Urgency.QUERY, Urgency.MARKET})  # change nothing, so they may be asked again


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request in the venue's own words, before it is signed.

    `endpoint` is the venue's REST endpoint as the wire names it (for ccxt its implicit method, such as
    `privatePostOrder`), `params` what it is sent with. `weight` is what it costs of the venue's rate limit and
    `orders` how many orders it counts for.
    """

    endpoint: str
    params: Mapping[str, Any] = {}
    rows: tuple[Mapping[str, Any], ...] = ()  # what is sent in place of `params` where an endpoint takes a list
    urgency: Urgency = Urgency.QUERY
    weight: int = 1
    orders: int = 0
    timeout_s: float = 10.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, whatever it says: status, headers with lower-case names, and the body as it came.

    `sent` and `received` are UTC nanoseconds of our clock.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: int
    received: int


class WireBroken(VenueUnavailable):
    """No whole answer came back. `reached` is False only where the request certainly never left us."""

    def __init__(self, message: str, *, reached: bool) -> None:
        super().__init__(message)
        self.reached = reached


class NotSent(WireBroken):
    """We did not send the request at all: a limit of our own stood in its way."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reached=False)


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """Something to listen to: `kind` is trades, quotes, book, bars or account; `market_id` the venue's own symbol."""

    kind: str
    market_id: str = ""
    symbol: str = ""  # unified
    interval: str = ""  # of bars
    depth: int = 0  # of a book; 0: what the venue sends


ACCOUNT = Topic(kind="account")  # orders, fills and balances of the account


class Frame(msgspec.Struct, frozen=True):
    """One message of a stream as it came: parsed JSON whose numbers are exact text or int, never float.

    `generation` grows by one each time its connection is made anew; between two of them anything may be lost.
    """

    channel: str  # which connection
    generation: int
    received: int  # UTC ns
    message: Any


class Link(msgspec.Struct, frozen=True):
    """A connection came up or went down; `private` carries the account."""

    channel: str
    generation: int
    received: int
    up: bool
    private: bool
    reason: str = ""


class Wire(Protocol):
    """What a venue's policy needs of a connection."""

    async def open(self) -> None:
        """Readies the connection; raises VenueUnavailable."""

    async def close(self) -> None:
        """Lets everything go; safe to call twice."""

    async def call(self, call: Call) -> Answer:
        """Sends one request, once; raises WireBroken where no whole answer came back.

        An answer is returned whatever its status says. Nothing is retried and nothing waits for a rate limit here.
        """

    async def subscribe(self, topic: Topic) -> None:
        """Listens to a topic from now on, across reconnects."""

    def receive(self) -> AsyncIterator[Frame | Link]:
        """Frames and link changes in the order they came; one reader."""

    async def reconnect(self, channel: str, reason: str) -> None:
        """Makes a connection anew: it was silent, or its life is about to end."""
