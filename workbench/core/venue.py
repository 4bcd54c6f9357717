"""What a venue says of itself and of the account beyond orders and fills; `core/events.py` offers these names too."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from workbench.core.instrument import Instrument
from workbench.core.market import Consequence, Event
from workbench.core.order import Side


class FundingEvent(Consequence, frozen=True, kw_only=True):
    """A perpetual's funding was settled: what the account received (negative: paid) for its position.

    The amount counts units of 10^-fee_places of the settlement currency; `funding_id` is the venue's, or
    the settlement's time. It books once.
    """

    instrument: Instrument
    amount_raw: int
    funding_id: str


class Liquidation(Consequence, frozen=True, kw_only=True):
    """A position was closed by force: a trade that nobody in the run ordered. It books like a fill, once.

    `by` says who did it where it was not the venue.
    """

    instrument: Instrument
    trade_id: str
    side: Side
    quantity_raw: int
    price_raw: int
    fee_raw: int
    fee_currency: str
    by: str = ""


class LinkState(StrEnum):
    """How far a venue can be relied on."""

    UP = "up"
    SYNCING = "syncing"  # reachable, but what happened meanwhile is not booked yet: nothing new is opened
    DOWN = "down"  # unreachable for longer than a blip: our orders there are taken back as soon as that works


class VenueLink(Event, frozen=True, kw_only=True):
    """The connection to one account of a venue changed."""

    venue: str
    state: LinkState
    account: str = "main"
    reason: str = ""


class TermsChanged(Event, frozen=True, kw_only=True):
    """The venue trades an instrument in other steps or with other minimums from now on; all as exact text."""

    instrument: Instrument
    tick: str
    lot: str
    min_quantity: str
    min_notional: str


class AccountSnapshot(Event, frozen=True, kw_only=True):
    """What a venue says an account holds, asked at `asked` (UTC ns) and answered at `ts_event`.

    `balances` is the total by asset, `positions` the signed quantity of each perpetual by instrument
    key, both as exact text; `orders` are the client ids of the open orders (the venue's id where an order has none).
    """

    venue: str
    account: str = "main"
    asked: int = 0
    balances: dict[str, str] = msgspec.field(default_factory=dict)
    positions: dict[str, str] = msgspec.field(default_factory=dict)
    orders: tuple[str, ...] = ()


class Discrepancy(Consequence, frozen=True, kw_only=True):
    """Our ledger and the venue disagree, and a second look did not settle it.

    `kind` is order, position or balance; `what` names the order, instrument or asset.
    """

    kind: str
    venue: str
    account: str
    what: str
    ours: str
    theirs: str
