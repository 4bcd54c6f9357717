"""The facts that flow through a run, and the orders given to it.

Every event is frozen. `source` and `sequence` make its id, unique in the run; `ts_event` is when it
happened by its source's clock and `ts_init` when we learned of it, both in UTC nanoseconds; `cause`
is the id of the event that led to it. A field ending in `_raw` is a scaled integer in the units of
the event's instrument; the property without the suffix is the exact Decimal.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from workbench.core.instrument import Instrument
from workbench.core.market import (
    Bar,
    BookUpdate,
    Consequence,
    Event,
    FundingRate,
    MarketDataEvent,
    MarketStale,
    MarkPrice,
    Quote,
    Trade,
)
from workbench.core.money import to_decimal
from workbench.core.order import OrderStatus, OrderType, Role, Side, TimeInForce
from workbench.core.venue import (
    AccountSnapshot,
    Discrepancy,
    FundingEvent,
    LinkState,
    Liquidation,
    TermsChanged,
    VenueLink,
)

__all__ = [
    "AccountSnapshot",
    "AmendEvent",
    "ApprovedOrder",
    "Arrived",
    "Bar",
    "BookUpdate",
    "CancelEvent",
    "Command",
    "Consequence",
    "Discrepancy",
    "Event",
    "FillEvent",
    "Flatten",
    "FundingEvent",
    "FundingRate",
    "Halt",
    "LinkState",
    "Liquidation",
    "MarkPrice",
    "MarketDataEvent",
    "MarketStale",
    "Opinion",
    "OrderEvent",
    "OrderReport",
    "OrderUpdate",
    "ParametersChanged",
    "Pause",
    "Quote",
    "Quotes",
    "Rearm",
    "Resume",
    "Resumed",
    "RiskAction",
    "RiskEvent",
    "RunStarted",
    "SetParameters",
    "SignalEvent",
    "StrategyFailed",
    "Target",
    "TermsChanged",
    "Timer",
    "Trade",
    "VenueLink",
    "Withdraw",
]

# --- what a strategy says ------------------------------------------------------------------------


class Target(msgspec.Struct, frozen=True, gc=False):
    """Where a strategy wants to be in one symbol; saying it twice changes nothing.

    Either `ppm`, the exposure in millionths of the budget (-1_000_000 to 1_000_000), or an exact
    `quantity` in base currency. `limit` asks for a limit order, `stop` for a protective stop that
    rests at the venue, `valid_until` (UTC ns) for an end. Prices are exact Decimals.
    """

    symbol: str
    ppm: int | None = None
    quantity: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None
    valid_until: int | None = None


class Quotes(msgspec.Struct, frozen=True, gc=False):
    """Resting limit orders a strategy wants in one symbol, as (price, quantity), best first."""

    symbol: str
    bids: tuple[tuple[Decimal, Decimal], ...] = ()
    asks: tuple[tuple[Decimal, Decimal], ...] = ()


Opinion = Target | Quotes


# --- the chain: signal -> order -> approval | refusal -> report and fill --------------------------


class SignalEvent(Consequence, frozen=True, kw_only=True):
    """A strategy changed its mind about one instrument."""

    strategy_id: str
    instrument: Instrument
    says: Opinion


class OrderEvent(Consequence, frozen=True, kw_only=True):
    """An order that portfolio code wants to send; `order_id` is the client order id."""

    order_id: str
    strategy_id: str
    role: Role
    instrument: Instrument
    side: Side
    order_type: OrderType
    quantity_raw: int
    price_raw: int | None = None
    stop_raw: int | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False

    @property
    def quantity(self) -> Decimal:
        return to_decimal(self.quantity_raw, self.instrument.quantity_places)

    @property
    def price(self) -> Decimal | None:
        return None if self.price_raw is None else to_decimal(self.price_raw, self.instrument.price_places)


class AmendEvent(Consequence, frozen=True, kw_only=True):
    """A wish to change a resting order's price and its total quantity."""

    order_id: str
    strategy_id: str
    instrument: Instrument
    quantity_raw: int
    price_raw: int | None = None
    stop_raw: int | None = None


class CancelEvent(Consequence, frozen=True, kw_only=True):
    """A wish to take an order back; risk never stands in its way."""

    order_id: str
    strategy_id: str
    instrument: Instrument
    reason: str = ""


class ApprovedOrder(msgspec.Struct, frozen=True):
    """An order or amendment that passed every risk rule. Only the gate makes one; only this can be sent.

    It is a permission, not a fact: the journal shows it as the order's step to `submitted`.
    """

    request: OrderEvent | AmendEvent


class RiskAction(StrEnum):
    """What risk did about it."""

    NOTED = "noted"  # it is told, nothing is stopped
    DENIED = "denied"
    REDUCING = "reducing"  # the instrument may only be reduced until re-armed
    LOCKED = "locked"
    HALTED = "halted"
    REARMED = "rearmed"


class RiskEvent(Consequence, frozen=True, kw_only=True):
    """Risk stepped in: which rule, on what figures, and what it did."""

    rule: str
    action: RiskAction
    reason: str
    strategy_id: str = ""
    order_id: str = ""


class OrderReport(Consequence, frozen=True, kw_only=True):
    """What a venue says of an order's state; the evidence, not yet the transition."""

    order_id: str
    status: OrderStatus
    instrument: Instrument
    venue_order_id: str = ""
    reason: str = ""
    quantity_raw: int | None = None  # the total now in force, after an amendment
    price_raw: int | None = None
    stop_raw: int | None = None
    filled_raw: int | None = None  # how much the venue says has traded; None where it does not say


class FillEvent(Consequence, frozen=True, kw_only=True):
    """What a venue says was traded. It books, whatever the order's status says.

    The fee counts units of 10^-fee_places of its currency; negative is a rebate. `order_id` is empty
    where the venue names the order by its own id only.
    """

    order_id: str
    trade_id: str
    instrument: Instrument
    side: Side
    quantity_raw: int
    price_raw: int
    fee_raw: int
    fee_currency: str
    maker: bool = False
    venue_order_id: str = ""

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def quantity(self) -> Decimal:
        return to_decimal(self.quantity_raw, self.instrument.quantity_places)

    @property
    def price(self) -> Decimal:
        return to_decimal(self.price_raw, self.instrument.price_places)

    @property
    def fee(self) -> Decimal:
        return to_decimal(self.fee_raw, self.instrument.fee_places)


class OrderUpdate(Consequence, frozen=True, kw_only=True):
    """An order took a step of its life cycle, or booked a fill; `cause` is the evidence."""

    order_id: str
    old: OrderStatus
    new: OrderStatus
    instrument: Instrument
    filled_raw: int = 0
    reason: str = ""


# --- time, commands, and the run itself ----------------------------------------------------------


class Timer(Event, frozen=True):
    """Time passed and nothing else happened."""


class Halt(Event, frozen=True, kw_only=True):
    """Latch the halt: cancel everything, send nothing new until re-armed."""

    reason: str


class Rearm(Event, frozen=True, kw_only=True):
    """Release the halt latch, or one strategy's lock."""

    reason: str
    strategy_id: str = ""


class Pause(Event, frozen=True, kw_only=True):
    """A strategy (or all) stops opening; it may still reduce."""

    strategy_id: str = ""
    reason: str = ""


class Resume(Event, frozen=True, kw_only=True):
    """A paused strategy (or all) goes on."""

    strategy_id: str = ""
    reason: str = ""


class Flatten(Event, frozen=True, kw_only=True):
    """Close a strategy's positions (or all) and hold them closed until it says something new."""

    strategy_id: str = ""
    reason: str = ""


class Withdraw(Event, frozen=True, kw_only=True):
    """The process is about to stop: take back what may open, and close every position if asked to."""

    flatten: bool = False
    reason: str = ""


class SetParameters(Event, frozen=True, kw_only=True):
    """Change a living strategy's parameters; validated whole, then applied whole."""

    strategy_id: str
    values: dict[str, bool | int | float | str]
    reason: str = ""


class ParametersChanged(Consequence, frozen=True, kw_only=True):
    """What became of a SetParameters: the parameters now in force, or why they did not change."""

    strategy_id: str
    parameters: dict[str, bool | int | float | str]
    refused: str = ""


class StrategyFailed(Consequence, frozen=True, kw_only=True):
    """A strategy raised; it is locked and its positions are flattened, the others go on."""

    strategy_id: str
    error: str


class RunStarted(Event, frozen=True, kw_only=True):
    """The first record of every journal: all that is needed to replay it."""

    run_id: str
    base_currency: str
    instruments: tuple[Instrument, ...]
    cash: dict[str, str]  # strategy id -> what it starts with, in base currency
    strategies: dict[str, dict[str, str]]  # strategy id -> entry, parameters (JSON), symbols, ...
    settings: dict[str, str] = msgspec.field(default_factory=dict)  # everything else, as JSON
    started: str = ""  # empty in a backtest


class Resumed(Event, frozen=True, kw_only=True):
    """A process took this run up again after a stop or a crash; `epoch` grows with every process that ran here."""

    reason: str = ""
    epoch: int = 0


class Arrived(Event, frozen=True, kw_only=True):
    """Live market data reached a simulated venue: the event, as its line in the journal, before what it leads to.

    The event itself follows its reports; this lets a replay feed the venue in the order it was fed.
    """

    line: str


Command = Halt | Rearm | Pause | Resume | Flatten | Withdraw | SetParameters
