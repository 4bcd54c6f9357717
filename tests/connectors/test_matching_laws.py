"""Laws of the simulated venue that hold for every flow of orders and market data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.matching_bench import PERPETUAL, SPOT, STEP, UNIT, Bench, filled
from workbench.connectors.matching import Profile
from workbench.core.account import Account, Position
from workbench.core.events import Event, FillEvent, OrderReport
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.money import to_decimal, to_scaled
from workbench.core.order import FINAL, OrderStatus, Side, TimeInForce

PRICES = st.integers(80, 120)
SIZES = st.integers(1, 12)
MAYBE_PRICE = st.none() | PRICES
ORDER = st.tuples(
    st.just("order"),
    st.sampled_from(Side),
    SIZES,
    MAYBE_PRICE,
    MAYBE_PRICE,
    st.sampled_from(TimeInForce),
    st.booleans(),
)
NUMBER = st.integers(0, 12)
BAR = st.tuples(st.just("bar"), PRICES, PRICES, st.integers(0, 9), st.integers(0, 9), st.integers(0, 20))
TRADE = st.tuples(st.just("trade"), PRICES, SIZES)
QUOTE = st.tuples(st.just("quote"), PRICES, st.integers(1, 5), SIZES)
BOOK = st.tuples(st.just("book"), PRICES, st.integers(1, 5), SIZES, st.booleans())
CANCEL = st.tuples(st.just("cancel"), NUMBER)
AMEND = st.tuples(st.just("amend"), NUMBER, SIZES, MAYBE_PRICE)

BARS = st.lists(st.one_of(ORDER, ORDER, BAR, BAR, CANCEL, AMEND), min_size=4, max_size=40)
TICKS = st.lists(st.one_of(ORDER, ORDER, TRADE, TRADE, QUOTE, BOOK, CANCEL, AMEND), min_size=4, max_size=40)
PROFILES = st.builds(
    Profile,
    maker_rate=st.integers(-50_000, 500_000),
    taker_rate=st.integers(0, 500_000),
    slippage_rate=st.integers(0, 2_000_000),
    latency_ns=st.sampled_from([0, 0, 1, 7, STEP + 1]),
    volume_share=st.integers(10_000_000, 100_000_000),
)
INSTRUMENTS = st.builds(
    lambda fee_currency, fee_places: msgspec.structs.replace(SPOT, fee_currency=fee_currency, fee_places=fee_places),
    st.sampled_from(FeeCurrency),
    st.sampled_from([2, 8]),
)
START_USDT, START_BTC = "2000", "7.5"


class Run:
    """One flow played on a fresh venue: everything said, and the volume each event offered."""

    def __init__(self, flow: list[tuple[Any, ...]], profile: Profile, instrument: Instrument) -> None:
        self.bench = Bench(instrument=instrument, profile=profile, usdt=START_USDT, btc=START_BTC)
        self.profile = profile
        self.said: list[Event] = []
        self.sent: dict[str, int] = {}
        self.totals: dict[str, int] = {}
        for number, step in enumerate(flow):
            self.play(number, step)

    def play(self, number: int, step: tuple[Any, ...]) -> None:
        bench, name, rest = self.bench, step[0], step[1:]
        market, before = False, bench.now
        offered: int | None = None
        if name == "order":
            side, size, limit, stop, tif, reduce_only = rest
            order_id = f"n{number}"
            self.sent[order_id], self.totals[order_id] = bench.now, size
            said = bench.order(side, size, id=order_id, limit=limit, stop=stop, tif=tif, reduce_only=reduce_only)
        elif name == "cancel":
            said = bench.cancel(self.known(rest[0]))
        elif name == "amend":
            order_id, size, limit = self.known(rest[0]), rest[1], rest[2]
            said = bench.amend(order_id, size, limit=limit)
            self.totals[order_id] = max(size, self.totals.get(order_id, 0))
        elif name == "bar":
            opened, close, up, down, offered = rest
            high, low = max(opened, close) + up, min(opened, close) - down
            market, said = True, bench.bar(open=opened, close=close, high=high, low=low, volume=offered)
        elif name == "trade":
            before, market, offered = bench.now + 1, True, rest[1]
            said = bench.trade(rest[0], rest[1])
        elif name == "quote":
            before, market = bench.now + 1, True
            said = bench.quote(rest[0], rest[0] + rest[1], sizes=(rest[2], rest[2]))
            offered = 2 * rest[2]
        else:
            before, market = bench.now + 1, True
            price, spread, size, snapshot = rest
            bids, asks = [(price, size), (price - 1, size)], [(price + spread, size), (price + spread + 1, size)]
            said = bench.book(bids, asks, snapshot=snapshot)
        self.check(said, market=market, moment=before, offered=offered, share=name in ("bar", "trade"))
        self.said += said

    def known(self, number: int) -> str:
        return list(self.sent)[number % len(self.sent)] if self.sent else "nobody"

    def check(self, said: list[Event], *, market: bool, moment: int, offered: int | None, share: bool) -> None:
        new = filled(said)
        assert market or not new, "only market data fills"
        for fill in new:
            assert self.sent[fill.order_id] + self.profile.latency_ns <= moment, "filled before it arrived"
        if offered is not None:
            bound = offered * UNIT * (self.profile.volume_share if share else 10**8) // 10**8
            assert sum(fill.quantity_raw for fill in new) <= bound, "more than the event offered"
        balances = self.bench.venue.balances()
        if self.bench.instrument.is_spot:
            assert min(balances.values()) >= 0, balances


def replayed(run: Run) -> tuple[Decimal, int]:
    """Cash and position of a strategy account that books the same fills."""
    instrument = run.bench.instrument
    places = instrument.cash_places
    account = Account.open("s", to_scaled(START_USDT, places))
    position = account.positions.setdefault(instrument.key, Position(instrument, instrument.terms(places)))
    for fill in filled(run.said):
        account.book(position, fill)
    account.balance()
    return to_decimal(account.cash, places), position.quantity


def holds_all_laws(run: Run) -> None:
    venue, instrument = run.bench.venue, run.bench.instrument
    cash, quantity = replayed(run)
    assert venue.balances()["USDT"] == cash
    assert venue.positions()[instrument.key] == quantity
    if instrument.is_spot:
        assert venue.balances()["BTC"] == Decimal(START_BTC) + to_decimal(quantity, 8)
    assert [each.sequence for each in run.said] == list(range(1, len(run.said) + 1))
    traded: dict[str, int] = {}
    ended: dict[str, OrderStatus] = {}
    for each in run.said:
        if isinstance(each, FillEvent):
            assert each.order_id not in ended, "a fill after the end"
            traded[each.order_id] = traded.get(each.order_id, 0) + each.quantity_raw
        elif isinstance(each, OrderReport) and each.status in FINAL and each.order_id in run.sent:
            ended.setdefault(each.order_id, each.status)
    for order_id, total in traded.items():
        assert total <= run.totals[order_id] * UNIT, "filled more than was ordered"
    living = {each.order_id for each in venue.open_orders()}
    assert living.isdisjoint(ended)


@settings(max_examples=100, deadline=None)
@given(flow=BARS, profile=PROFILES, instrument=INSTRUMENTS)
def test_on_bars_spot_balances_stay_positive_and_equal_the_fills(
    flow: list[tuple[Any, ...]], profile: Profile, instrument: Instrument
) -> None:
    holds_all_laws(Run(flow, profile, instrument))


@settings(max_examples=100, deadline=None)
@given(flow=TICKS, profile=PROFILES, instrument=INSTRUMENTS)
def test_on_ticks_spot_balances_stay_positive_and_equal_the_fills(
    flow: list[tuple[Any, ...]], profile: Profile, instrument: Instrument
) -> None:
    holds_all_laws(Run(flow, profile, instrument))


@settings(max_examples=60, deadline=None)
@given(flow=BARS, profile=PROFILES)
def test_a_perpetuals_cash_and_position_equal_its_fills(flow: list[tuple[Any, ...]], profile: Profile) -> None:
    holds_all_laws(Run(flow, profile, PERPETUAL))


@settings(max_examples=60, deadline=None)
@given(flow=st.one_of(BARS, TICKS), profile=PROFILES)
def test_the_same_flow_says_the_same_twice(flow: list[tuple[Any, ...]], profile: Profile) -> None:
    assert Run(flow, profile, SPOT).said == Run(flow, profile, SPOT).said


@settings(max_examples=60, deadline=None)
@given(flow=st.one_of(BARS, TICKS), profile=PROFILES, instrument=INSTRUMENTS)
def test_once_every_order_is_cancelled_all_of_the_balance_is_free(
    flow: list[tuple[Any, ...]], profile: Profile, instrument: Instrument
) -> None:
    bench = Run(flow, msgspec.structs.replace(profile, latency_ns=0), instrument).bench
    for each in bench.venue.open_orders():
        bench.cancel(each.order_id)
    assert bench.venue.open_orders() == []
    lots = int(bench.btc())
    if lots:
        (report,) = bench.sell(lots, id="all", limit=119)
        assert isinstance(report, OrderReport)
        assert report.status == "acknowledged", report.reason
