"""The engine on perpetuals: valued at marks, funded and liquidated by the venue, one account shared by strategies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.trading_bench import PERPETUAL, SPOT, START_NS, UNIT, Bench, Speaker, exactly, perpetual, started
from workbench.connectors.matching import Profile, SimulatedVenue
from workbench.core.clock import MINUTE
from workbench.core.events import (
    ApprovedOrder,
    Bar,
    Event,
    FundingEvent,
    FundingRate,
    Liquidation,
    MarkPrice,
    RiskAction,
    Target,
)
from workbench.core.instrument import Instrument
from workbench.core.money import to_scaled
from workbench.core.order import Side
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.trading.engine import Engine

LENT = msgspec.structs.replace(PERPETUAL, max_leverage=20, maintenance=Decimal("0.02"))
PERCENT = 10**16
KEY = PERPETUAL.key


def mark(bench: Bench, price: int, *, after: int = 1, instrument: Instrument = PERPETUAL) -> None:
    bench.now += after
    bench.process(MarkPrice(*bench.stamp("marks"), instrument, price))


def fund(bench: Bench, amount: str, *, name: str = "f1") -> None:
    raw = to_scaled(amount, 8)
    stamp = bench.stamp("venue")
    bench.process(FundingEvent(*stamp, instrument=PERPETUAL, amount_raw=raw, funding_id=name))


def take(bench: Bench, side: Side, quantity: int, price: int, *, name: str = "L1") -> None:
    bench.process(
        Liquidation(
            *bench.stamp("venue"),
            instrument=PERPETUAL,
            trade_id=name,
            side=side,
            quantity_raw=quantity * UNIT,
            price_raw=price,
            fee_raw=0,
            fee_currency="USDT",
        )
    )


def equity(bench: Bench, name: str = "s") -> Decimal:
    return Decimal(bench.ledger.cash_text(bench.ledger.accounts[name].equity))


# --- marks ---


def test_a_fresh_mark_values_a_perpetual_and_an_old_one_gives_way_to_prices() -> None:
    bench = Bench(PERPETUAL)
    bench.enter(perpetual(exactly("4")))
    mark(bench, 110)
    assert equity(bench) == 1040
    bench.bar(90, after=30 * 10**9)
    assert equity(bench) == 1040
    bench.bar(90)
    assert equity(bench) == 960


def test_a_mark_says_nothing_of_spot_and_nothing_to_a_strategy() -> None:
    bench = Bench(SPOT)
    bench.enter(exactly("4"))
    bench.speakers["s"].says = RuntimeError("it was asked")
    mark(bench, 200, instrument=SPOT)
    assert (equity(bench), bench.facts) == (1000, ())


def test_a_mark_that_falls_too_far_is_a_drawdown() -> None:
    bench = Bench(PERPETUAL, budget=Budget(max_drawdown=Decimal("0.2")))
    bench.enter(perpetual(exactly("5")))
    mark(bench, 59)
    assert [each.rule for each in bench.risk] == ["max_drawdown"]
    assert bench.only().order.quantity == 5


# --- funding ---


def test_funding_is_shared_by_what_each_strategy_holds_and_booked_once() -> None:
    bench = Bench(PERPETUAL, names=("a", "b"))
    bench.enter(perpetual(exactly("3")), name="a")
    bench.speakers["a"].says = None
    bench.enter(perpetual(exactly("-1")), name="b")
    bench.speakers["b"].says = None
    for _ in range(2):
        fund(bench, "-0.5")
        assert (equity(bench, "a"), equity(bench, "b")) == (Decimal("999.25"), Decimal("1000.25"))


def test_funding_that_costs_too_much_is_a_drawdown() -> None:
    bench = Bench(PERPETUAL, budget=Budget(max_drawdown=Decimal("0.2")))
    bench.enter(perpetual(exactly("5")))
    fund(bench, "-200")
    assert bench.risk == []
    fund(bench, "-1", name="f2")
    assert [each.rule for each in bench.risk] == ["max_drawdown"]


def test_funding_that_arrives_after_the_position_is_gone_still_books() -> None:
    bench = Bench(PERPETUAL, names=("a", "b"))
    fund(bench, "-0.5")
    assert equity(bench, "a") + equity(bench, "b") == Decimal("1999.5")


# --- liquidation ---


def test_who_lost_a_position_to_the_venue_is_locked_until_re_armed() -> None:
    bench = Bench(PERPETUAL)
    bench.enter(perpetual(exactly("4")))
    take(bench, Side.SELL, 4, 60)
    (locked,) = bench.risk
    assert (locked.rule, locked.action) == ("liquidation", RiskAction.LOCKED)
    assert locked.reason == "the venue closed a position by force: sell 4 of sim:BTC/USDT:USDT at 60"
    assert (bench.held(), equity(bench)) == (0, 840)
    bench.say(perpetual(exactly("5")))
    assert (bench.sent, [each.rule for each in bench.risk]) == ([], ["locked"])
    bench.speakers["s"].says = None
    take(bench, Side.SELL, 4, 60)
    assert (bench.facts, equity(bench)) == ((), 840)


def test_what_a_liquidation_leaves_is_flattened_and_only_its_holders_are_locked() -> None:
    bench = Bench(PERPETUAL, names=("a", "b"))
    bench.enter(perpetual(exactly("4")), name="a")
    bench.speakers["a"].says = None
    bench.enter(perpetual(exactly("-1")), name="b")
    bench.speakers["b"].says = None
    take(bench, Side.SELL, 3, 60)
    assert list(bench.engine.gate.locked) == ["a"]
    assert (bench.held("a"), bench.held("b")) == (1, -1)
    assert [(each.order.strategy_id, each.order.quantity) for each in bench.sent] == [("a", 1)]


def test_a_liquidation_of_what_nobody_here_holds_halts_the_run() -> None:
    bench = Bench(PERPETUAL)
    take(bench, Side.SELL, 4, 60)
    assert [each.action for each in bench.risk] == [RiskAction.HALTED]
    assert equity(bench) == 1000


# --- engine and venue in one loop ---


class Loop:
    """Several strategies on one simulated account: what the venue says is taken before the market event."""

    def __init__(self, names: tuple[str, ...]) -> None:
        cash = dict.fromkeys(names, "1000")
        shares = {name: Decimal(each) for name, each in cash.items()}
        self.venue = SimulatedVenue(
            [LENT], cash={"USDT": sum(shares.values(), Decimal(0))}, shares=shares, profile=Profile()
        )
        self.engine = Engine(started([LENT], cash), limits=Limits(), budgets={})
        self.speakers = {name: Speaker() for name in names}
        for name, speaker in self.speakers.items():
            self.engine.add(name, speaker, [KEY])
        self.now, self.count = START_NS, 0
        self.said: list[Event] = []

    def market(self, kind: type[Event], *values: Any, after: int = MINUTE) -> None:
        self.now, self.count = self.now + after, self.count + 1
        event: Any = kind("md", self.count, self.now, self.now, LENT, *values)
        self.take([*self.venue.on_market(event), event])
        self.laws()

    def take(self, events: list[Event]) -> None:
        waiting = list(events)
        while waiting:
            event = waiting.pop(0)
            self.said.append(event)
            _, requests = self.engine.process(event)
            for request in requests:
                if isinstance(request, ApprovedOrder):
                    waiting[:0] = self.venue.place(request, self.now)
                else:
                    waiting[:0] = self.venue.cancel(request, self.now)

    def laws(self) -> None:
        ledger, cash = self.engine.ledger, 0
        for account in ledger.accounts.values():
            account.balance()
            cash += account.cash
        assert ledger.net(KEY) == self.venue.positions()[KEY]
        assert not [each for each in ledger.refusals if each.action is RiskAction.HALTED], "venue and books disagree"
        held = {name: account.positions[KEY] for name, account in ledger.accounts.items() if KEY in account.positions}
        worth = sum(each.worth(100) for each in held.values())
        net = self.venue._holdings.position(KEY)
        total = to_scaled(self.venue.balances()["USDT"], ledger.cash_places)
        assert cash + worth == total + net.worth(100), "both accounts own the same at any price"


SIZE = st.integers(-300, 300)
STEPS = st.lists(
    st.tuples(
        st.integers(60, 140),
        st.integers(60, 140),
        st.tuples(st.none() | SIZE, st.none() | SIZE),
        st.none() | st.integers(60, 140),
        st.none() | st.integers(-PERCENT, PERCENT),
    ),
    min_size=2,
    max_size=25,
)


def played(steps: list[Any], names: tuple[str, ...]) -> Loop:
    loop = Loop(names)
    for opened, close, sizes, marked, rate in steps:
        for speaker, size in zip(loop.speakers.values(), sizes, strict=False):
            speaker.says = None if size is None else Target(KEY, quantity=Decimal(size))
        high, low = max(opened, close), min(opened, close)
        loop.market(Bar, MINUTE, opened, high, low, close, 10_000 * UNIT)
        if marked is not None:
            loop.market(MarkPrice, marked, after=1)
        if rate is not None:
            loop.market(FundingRate, rate, after=1)
    return loop


@settings(max_examples=120, deadline=None)
@given(STEPS, st.sampled_from([("a",), ("a", "b")]))
def test_books_and_venue_own_the_same_through_trades_marks_funding_and_liquidation(
    steps: list[Any], names: tuple[str, ...]
) -> None:
    played(steps, names)


def test_the_law_is_about_funding_and_liquidations_that_happen() -> None:
    steps: list[Any] = [
        (100, 100, (150, -20), None, None),
        (100, 101, (None, None), 101, PERCENT // 10),
        (101, 93, (None, None), None, PERCENT),
        (80, 80, (None, None), 80, PERCENT),
        (80, 80, (None, None), None, -PERCENT),
    ]
    loop = played(steps, ("a", "b"))
    kinds = {type(each).__name__ for each in loop.said}
    assert {"FundingEvent", "Liquidation", "FillEvent", "OrderReport"} <= kinds
    assert loop.engine.gate.locked.keys() == {"a"}
