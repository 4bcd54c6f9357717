"""Every connector keeps the contract, and the contract sees when one does not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.contract.own_connector import MARKETS, BarterConnector, ticks
from workbench.connectors.matching import SimulatedVenue
from workbench.connectors.paper import PaperConnector
from workbench.connectors.profile import Profile
from workbench.connectors.replay import ReplayConnector
from workbench.core.clock import MINUTE, Nanos
from workbench.core.errors import Unsupported
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.ports import CancelResult, ExchangeConnector, OrderResult, Outcome
from workbench.data.lake import open_sample
from workbench.runtime.contract import PROMISES, BrokenContract, check_connector, it_says_the_same_twice, keeps
from workbench.runtime.feed import paced
from workbench.runtime.inbox import Inbox

SAMPLE = open_sample("binance_spot_BTCUSDT_1h")
PROFILES = {
    "plain": Profile(),
    "costly": Profile(taker_rate=75_000, maker_rate=-10_000, slippage_rate=50_000, volume_share=10_000_000),
    "late": Profile(latency_ns=20 * MINUTE),
}


def venue(instrument: Instrument, profile: str) -> SimulatedVenue:
    return SimulatedVenue([instrument], cash={"USDT": Decimal(1_000_000)}, profile=PROFILES[profile])


def bars_replayed(profile: str = "plain") -> ReplayConnector:
    instrument = SAMPLE.instrument
    return ReplayConnector("venue", SAMPLE.events(0, 1_000), venue(instrument, profile), [instrument])


class Accelerated:
    """A clock that has always come a long way."""

    def __init__(self) -> None:
        self.at = 0

    def now(self) -> Nanos:
        self.at += 10**15
        return Nanos(self.at)


def bars_on_paper() -> PaperConnector:
    feed = paced(SAMPLE.events(0, 1_000), speed=1_000.0, clock=Accelerated(), inbox=Inbox())
    return PaperConnector("venue", feed, venue(SAMPLE.instrument, "plain"), [SAMPLE.instrument])


def market(kind: str, **terms: object) -> Callable[[], ReplayConnector]:
    def make() -> ReplayConnector:
        instrument = Instrument(
            **{"venue": "sim", "symbol": MARKETS[kind], "tick": Decimal("0.5"), "lot": Decimal("0.01"), **terms}
        )
        return ReplayConnector("sim", ticks(instrument), venue(instrument, "plain"), [instrument])

    return make


CONNECTORS: dict[str, tuple[Callable[[], ExchangeConnector], str]] = {
    "replay of bars": (bars_replayed, "BTC/USDT"),
    "replay with slippage and a rebate": (lambda: bars_replayed("costly"), "BTC/USDT"),
    "replay with latency": (lambda: bars_replayed("late"), "BTC/USDT"),
    "paper": (bars_on_paper, "BTC/USDT"),
    "perpetual over quotes and trades": (market("perpetual", contract_size=Decimal("0.1")), "BTC/USDT:USDT"),
    "spot with fees in base": (market("spot", fee_currency=FeeCurrency.RECEIVED), "BTC/USDT"),
    "a user's own": (BarterConnector, "BTC/USDT"),
}


@pytest.mark.parametrize("promise", [*PROMISES, it_says_the_same_twice], ids=lambda each: each.__name__)
@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_connector_keeps_its_promise(connector, promise):
    make, symbol = CONNECTORS[connector]
    asyncio.run(keeps(promise, make, symbol=symbol))


def test_a_user_checks_a_connector_in_one_line():
    kept = check_connector(BarterConnector, symbol="BTC/USDT")
    assert kept == [each.__name__ for each in (*PROMISES, it_says_the_same_twice)]


def test_a_symbol_that_is_not_traded_there_is_said_so():
    with pytest.raises(BrokenContract, match="it trades DOGE/USDT once"):
        check_connector(BarterConnector, symbol="DOGE/USDT")


# --- connectors that break one promise each -------------------------------------------------------


class FloatBalances(BarterConnector):
    async def get_balances(self):
        return {asset: float(amount) for asset, amount in (await super().get_balances()).items()}


class ForgetsFees(BarterConnector):
    async def get_balances(self):
        balances = await super().get_balances()
        return {**balances, "USDT": balances["USDT"] + sum(fill.fee for fill in self.fills)}


class RaisesOnStrangers(BarterConnector):
    async def cancel_order(self, cancel):
        if cancel.order_id not in self.orders:
            raise KeyError(cancel.order_id)
        return await super().cancel_order(cancel)


class AcceptsAnyCancel(BarterConnector):
    async def cancel_order(self, cancel):
        await super().cancel_order(cancel)
        return CancelResult(Outcome.ACCEPTED, cancel.order_id)


class BooksTwice(BarterConnector):
    def known(self, order_id):
        return False


class FillsInside(BarterConnector):
    async def place_order(self, order):
        result = await super().place_order(order)
        self.waiting += self.trade(self.seen)
        return result


class TellsLate(BarterConnector):
    def told(self, event, said):
        return [event, *said]


class ForgetsToAcknowledge(BarterConnector):
    def acknowledge(self, request):
        pass


class AnswersForAnother(BarterConnector):
    async def place_order(self, order):
        result = await super().place_order(order)
        return OrderResult(result.outcome, "another")


class ClosesOnce(BarterConnector):
    async def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        await super().close()


class HidesWhatRests(BarterConnector):
    async def get_open_orders(self):
        return []


class RaisesItsOwnError(BarterConnector):
    async def server_time(self):
        raise NotImplementedError


class NeverFills(BarterConnector):
    def trade(self, event):
        return []


class SaysOtherwise(BarterConnector):
    runs = 0

    async def connect(self):
        await super().connect()
        type(self).runs += 1
        self.fee = Decimal(self.runs)


BROKEN = {
    FloatBalances: "numbers are exact: int or Decimal, never float",
    ForgetsFees: "the balance of USDT moves as the fills say",
    RaisesOnStrangers: "what it does not know it refuses and does not raise: KeyError",
    AcceptsAnyCancel: "what is cancelled cannot be cancelled again",
    BooksTwice: "an order sent twice is one order",
    FillsInside: "a fill has another cause than its order",
    TellsLate: "what a market event leads to is told before the event",
    ForgetsToAcknowledge: "an acknowledgement precedes the first fill",
    AnswersForAnother: "an answer names the order asked about",
    ClosesOnce: "closing twice is safe",
    HidesWhatRests: "a resting order is listed once",
    RaisesItsOwnError: "a missing capability raises Unsupported",
    NeverFills: "the order is filled",
    SaysOtherwise: "the same bytes",
}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda each: each.__name__)
def test_the_contract_sees_the_broken_promise(kind):
    with pytest.raises(BrokenContract, match=re.escape(BROKEN[kind])):
        check_connector(kind, symbol="BTC/USDT")


def test_what_the_smallest_connector_lacks_is_unsupported():
    with pytest.raises(Unsupported, match="orders cannot be amended"):
        asyncio.run(BarterConnector().amend_order(None))
