"""What the policy asks of a venue's dialect: pure translation both ways, no I/O, no state, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardFill, HeardFunding, HeardOrder, HeardTrade
from workbench.connectors.wire import Answer, Call
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.instrument import Instrument
from workbench.core.ports import Outcome, Permissions


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument as the venue lists it now: its identity with us, its own symbol, and filters beyond the instrument.

    None is no such limit.
    """

    instrument: Instrument
    market_id: str
    open: bool = True  # whether it trades now
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    max_quantity: Decimal | None = None
    max_market_quantity: Decimal | None = None
    max_notional: Decimal | None = None
    max_open_orders: int | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer to a request that changes something proves; `code` is the venue's own."""

    outcome: Outcome
    code: str = ""
    reason: str = ""
    venue_order_id: str = ""  # where the answer says no more of the order than this
    heard: tuple[Heard, ...] = ()  # what the answer says besides: the order's state, its first fills
    stale_terms: bool = False  # refused for a filter: the listings are to be read anew
    clock: bool = False  # refused for its time stamp: the clock is to be learned anew
    key: bool = False  # refused for the key: revoked, or not allowed


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a rate limit is used, by the venue's own count; `window_ns` is how long it counts."""

    name: str  # weight or orders, as the dialect calls its limits
    used: int
    window_ns: int


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit as the venue publishes it: at most `most` of `name` in `window_ns`.

    `endpoint` is the only one whose requests count, '' where all do.
    """

    name: str
    most: int
    window_ns: int
    endpoint: str = ""


class Dialect(Protocol):
    """One venue's words. Readers raise DataError, naming venue and field, for an answer they cannot read."""

    name: str
    verified: bool  # False: nobody tried it against this venue; live then needs `allow_unverified`
    limits: Sequence[RateLimit]  # before the venue has told its own
    recv_window_ns: int  # how long a request stays valid; 0 where the venue has no such thing
    book_in_stream: bool  # whether a book's snapshot comes in the stream, or has to be asked for

    # --- listings, time, key ----------------------------------------------------------------------

    def listings(self) -> Sequence[Call]: ...
    def market_id(self, instrument: Instrument) -> str:
        """The venue's own symbol of an instrument that it may list no more."""
        ...

    def read_listings(self, answers: Sequence[Answer], *, venue: str, account: str) -> Sequence[Listed]: ...
    def published_limits(self, answers: Sequence[Answer]) -> Sequence[RateLimit]: ...
    def time(self) -> Call: ...
    def read_time(self, answer: Answer) -> int: ...
    def permissions(self) -> Call: ...
    def read_permissions(self, answer: Answer) -> Permissions: ...

    # --- orders -----------------------------------------------------------------------------------

    def place(self, order: OrderEvent, listed: Listed) -> Call: ...
    def amend(self, amend: AmendEvent, listed: Listed) -> Call: ...
    def cancel(self, order_id: str, listed: Listed, *, stop: bool) -> Call: ...
    def cancel_became(self, venue_order_id: str, listed: Listed) -> Call | None: ...  # what a stop became; None: itself
    def verdict(self, answer: Answer, *, order_id: str, listed: Listed) -> Verdict: ...
    def order(self, order_id: str, listed: Listed) -> Sequence[Call]: ...
    def read_order(self, answer: Answer, listed: Listed) -> HeardOrder | Call | None: ...  # Call: what tells more
    def open_orders(self) -> Sequence[Call]: ...
    def read_open_orders(self, answer: Answer) -> Sequence[HeardOrder]: ...
    def further_open_orders(self, answer: Answer) -> Call | None: ...  # the next page, None after the last
    def my_trades(self, listed: Listed, since: int, after: str) -> Call: ...
    def read_my_trades(self, answer: Answer) -> tuple[Sequence[HeardFill], str]: ...
    def funding(self, listed: Listed, since: int, after: str) -> Call | None: ...  # None: nothing is ever funded
    def read_funding(self, answer: Answer) -> tuple[Sequence[HeardFunding], str]: ...
    def balances(self) -> Call: ...
    def read_balances(self, answer: Answer) -> Mapping[str, Decimal]: ...
    def positions(self) -> Call | None: ...
    def read_positions(self, answer: Answer) -> Mapping[str, tuple[Decimal, Decimal | None]]: ...

    # --- market data ------------------------------------------------------------------------------

    def book(self, listed: Listed, depth: int) -> Call: ...
    def read_book(self, answer: Answer, market_id: str) -> HeardBook: ...
    def bars(self, listed: Listed, interval: str, start: int, end: int) -> Call: ...
    def read_bars(self, answer: Answer, listed: Listed, interval: str) -> Sequence[HeardBar]: ...
    def trades(self, listed: Listed, start: int, end: int, after: str) -> Call: ...
    def read_trades(self, answer: Answer, listed: Listed) -> tuple[Sequence[HeardTrade], str]: ...
    def hear(self, message: Any) -> Iterable[Heard]: ...

    # --- pace -------------------------------------------------------------------------------------

    def usage(self, answer: Answer) -> Sequence[Usage]: ...
    def wait_s(self, answer: Answer) -> float | None: ...
    def refuses_for_pace(self, answer: Answer) -> bool: ...
