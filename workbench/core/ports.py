"""The doors of the house: the connector that strangers may build, and the small shapes inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from workbench.core.errors import Unsupported
from workbench.core.events import (
    ApprovedOrder,
    Bar,
    CancelEvent,
    Event,
    FillEvent,
    FundingEvent,
    Liquidation,
    OrderReport,
    Trade,
)
from workbench.core.instrument import Instrument

Settled = FundingEvent | Liquidation  # what a venue does to a position by itself


class Outcome(StrEnum):
    """What is known of a request once the call returns."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"  # it may or may not have reached the book; only evidence will tell


class OrderResult(msgspec.Struct, frozen=True):
    """What became of a placed or amended order, with the evidence."""

    outcome: Outcome
    order_id: str
    venue_order_id: str = ""
    evidence: str = ""


class CancelResult(msgspec.Struct, frozen=True):
    """What became of a cancel, with the evidence; a REJECTED cancel leaves the order as it is."""

    outcome: Outcome
    order_id: str
    evidence: str = ""


class VenuePosition(msgspec.Struct, frozen=True):
    """A position as the venue reports it; `quantity` is signed."""

    instrument: Instrument
    quantity: Decimal
    entry_price: Decimal | None = None


class Permissions(msgspec.Struct, frozen=True):
    """What an API key may do; None where the venue does not say."""

    trade: bool | None
    withdraw: bool | None


class ExchangeConnector(ABC):
    """One account on one venue.

    It is small and dumb: it holds no order state and makes no decisions. Requests return what is
    known at once; everything the venue then says comes back through `stream`, in order. A missing
    capability raises Unsupported, an unreachable venue VenueUnavailable.
    """

    venue: str

    @abstractmethod
    async def connect(self) -> None:
        """Establishes the connections; returns when requests and streams can be used."""

    @abstractmethod
    async def close(self) -> None:
        """Releases every connection; safe to call twice."""

    @abstractmethod
    def stream(self) -> AsyncIterator[Event]:
        """Market data, reports and fills, in the order they are to be taken."""

    @abstractmethod
    async def place_order(self, order: ApprovedOrder) -> OrderResult:
        """Places an approved order."""

    @abstractmethod
    async def cancel_order(self, cancel: CancelEvent) -> CancelResult:
        """Cancels an order of ours."""

    @abstractmethod
    async def get_positions(self) -> list[VenuePosition]:
        """The positions the venue holds for this account."""

    @abstractmethod
    async def get_balances(self) -> dict[str, Decimal]:
        """Total balance by asset."""

    @abstractmethod
    async def get_instruments(self) -> dict[str, Instrument]:
        """The instruments this account can trade, by key."""

    async def subscribe_bars(self, symbol: str, interval: str) -> None:
        """Asks for finished bars of `symbol`, such as '1m'."""
        raise Unsupported(f"{self.venue}: no bars")

    async def subscribe_trades(self, symbol: str) -> None:
        """Asks for the public trades of `symbol`."""
        raise Unsupported(f"{self.venue}: no trades")

    async def subscribe_quotes(self, symbol: str) -> None:
        """Asks for best bid and ask of `symbol`."""
        raise Unsupported(f"{self.venue}: no quotes")

    async def subscribe_orderbook(self, symbol: str, depth: int) -> None:
        """Asks for order book updates of `symbol`."""
        raise Unsupported(f"{self.venue}: no order book")

    async def amend_order(self, amend: ApprovedOrder) -> OrderResult:
        """Changes a resting order in place."""
        raise Unsupported(f"{self.venue}: orders cannot be amended")

    async def get_order(self, order_id: str, symbol: str = "") -> OrderReport | None:
        """The venue's view of an order by client id; None if it answers that it knows no such order.

        None is what the venue says now, not a proof: a request that is still on its way may yet be booked.
        Some venues need the symbol.
        """
        raise Unsupported(f"{self.venue}: orders cannot be queried")

    async def get_open_orders(self) -> list[OrderReport]:
        """Every open order of this account, ours or not; an order without a client id is named by the venue's id."""
        raise Unsupported(f"{self.venue}: open orders cannot be listed")

    async def get_my_trades(self, symbol: str, since: int) -> list[FillEvent]:
        """This account's fills of `symbol` from `since` (UTC ns) on, oldest first."""
        raise Unsupported(f"{self.venue}: own trades cannot be listed")

    async def get_settlements(self, symbol: str, since: int) -> list[Settled]:
        """Funding and forced trades of a perpetual from `since` (UTC ns) on, oldest first."""
        raise Unsupported(f"{self.venue}: settlements cannot be listed")

    async def fetch_bars(self, symbol: str, interval: str, start: int, end: int) -> list[Bar]:
        """Historical bars whose open lies in [start, end) (UTC ns)."""
        raise Unsupported(f"{self.venue}: no historical bars")

    async def fetch_trades(self, symbol: str, start: int, end: int) -> list[Trade]:
        """Historical trades in [start, end) (UTC ns)."""
        raise Unsupported(f"{self.venue}: no historical trades")

    async def get_permissions(self) -> Permissions:
        """What the key may do."""
        raise Unsupported(f"{self.venue}: key permissions cannot be read")

    async def server_time(self) -> int:
        """The venue's clock, in UTC nanoseconds."""
        raise Unsupported(f"{self.venue}: no server time")


class Executor(Protocol):
    """Carries approved requests out; the one call that is the same in backtest, paper and live."""

    async def submit_order(self, order: ApprovedOrder) -> None:
        """Sends an approved order or amendment."""

    async def cancel_order(self, cancel: CancelEvent) -> None:
        """Sends a cancel."""


class Sink(Protocol):
    """Anything that wants to hear what happened, after it is journalled: database, metrics, logs."""

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears one input and all it led to; must not raise and must not wait."""


class Disk(Protocol):
    """Where a journal's bytes become durable."""

    async def sync(self) -> None:
        """Returns when everything written so far survives a loss of power."""
