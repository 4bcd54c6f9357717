"""Laws of the engine and the simulated venue in one loop, for every flow of markets, opinions and commands."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.trading_bench import PERPETUAL, SPOT, START_NS, UNIT, Speaker, started
from workbench.connectors.matching import Profile, SimulatedVenue
from workbench.core.clock import MINUTE
from workbench.core.codec import encode
from workbench.core.events import (
    ApprovedOrder,
    Bar,
    Event,
    FillEvent,
    Flatten,
    Halt,
    OrderEvent,
    OrderUpdate,
    Pause,
    Quotes,
    Rearm,
    Resume,
    RiskAction,
    Target,
)
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.money import to_scaled
from workbench.core.order import FINAL, OrderStatus, Role
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.trading.engine import Engine

PRICE = st.integers(80, 120)
MAYBE_PRICE = st.none() | PRICE.map(Decimal)
LEVELS = st.lists(st.tuples(PRICE.map(Decimal), st.integers(0, 4).map(Decimal)), max_size=2).map(tuple)
TARGET = st.builds(
    lambda ppm, limit, stop: Target("", ppm, None, limit, stop),
    st.integers(-1_000_000, 1_000_000),
    MAYBE_PRICE,
    MAYBE_PRICE,
)
EXACT = st.builds(lambda q, stop: Target("", None, Decimal(q), None, stop), st.integers(-9, 9), PRICE.map(Decimal))
OPINION = st.one_of(
    st.none(), st.none(), TARGET, EXACT, st.builds(lambda bids, asks: Quotes("", bids, asks), LEVELS, LEVELS)
)
COMMANDS: list[tuple[type[Event], dict[str, Any]]] = [
    (Flatten, {}),
    (Flatten, {"strategy_id": "a"}),
    (Pause, {"strategy_id": "a"}),
    (Resume, {"strategy_id": "a"}),
    (Halt, {"reason": "test"}),
    (Rearm, {"reason": "test"}),
    (Rearm, {"reason": "test", "strategy_id": "a"}),
]
COMMAND = st.one_of(st.none(), st.none(), st.none(), st.sampled_from(COMMANDS))
WICK = st.integers(0, 9)
STEP = st.tuples(PRICE, PRICE, WICK, WICK, st.integers(0, 20), st.tuples(OPINION, OPINION), COMMAND)
FLOW = st.lists(STEP, min_size=3, max_size=25)
PROFILE = st.builds(
    Profile,
    maker_rate=st.integers(-50_000, 500_000),
    taker_rate=st.integers(0, 500_000),
    slippage_rate=st.integers(0, 2_000_000),
    latency_ns=st.sampled_from([0, 0, 1, MINUTE + 1]),
    volume_share=st.integers(10_000_000, 100_000_000),
)
LIMITS = st.sampled_from(
    [
        Limits(),
        Limits(max_drawdown=Decimal("0.05")),
        Limits(max_order_notional=Decimal(400), max_orders_per_minute=2, price_collar=Decimal("0.1")),
    ]
)
BUDGET = st.sampled_from([Budget(), Budget(max_drawdown=Decimal("0.05")), Budget(rebalance_band=Decimal("0.1"))])
SPOTS = [msgspec.structs.replace(SPOT, fee_currency=each) for each in FeeCurrency]
MOST_REPORTS = 200  # an engine and a venue that answer each other more often than this never stop


class Loop:
    """An engine and a venue that answer each other; every law is checked after every event."""

    def __init__(
        self, instrument: Instrument, names: tuple[str, ...], profile: Profile, limits: Limits, budget: Budget
    ) -> None:
        self.instrument, self.names = instrument, names
        cash = dict.fromkeys(names, "1000")
        self.venue = SimulatedVenue(
            [instrument], cash={"USDT": Decimal(1000 * len(names))}, profile=profile, source="venue"
        )
        self.engine = Engine(started([instrument], cash), limits=limits, budgets=dict.fromkeys(names, budget))
        self.speakers = {name: Speaker() for name in names}
        for name, speaker in self.speakers.items():
            self.engine.add(name, speaker, [instrument.key])
        self.pending: deque[Event] = deque()
        self.digest = hashlib.sha256()
        self.ids = {""}
        self.approved: set[str] = set()
        self.ended: dict[str, OrderStatus] = {}
        self.now, self.count = START_NS, 0

    def play(self, flow: list[Any]) -> str:
        for opened, close, up, down, volume, opinions, command in flow:
            self.now += MINUTE
            self.count += 1
            for name, says in zip(self.names, opinions, strict=False):
                named = says if says is None else msgspec.structs.replace(says, symbol=self.instrument.symbol)
                self.speakers[name].says = named
            bar = Bar(
                "md",
                self.count,
                self.now,
                self.now,
                self.instrument,
                MINUTE,
                opened,
                max(opened, close) + up,
                min(opened, close) - down,
                close,
                volume * UNIT,
            )
            self.ids.add(bar.id)
            self.pending.extend(self.venue.on_market(bar))
            self.drain()
            self.take(bar)
            self.drain()
            if command is not None:
                kind, fields = command
                self.take(kind("operator", self.count, self.now, self.now, **fields))
                self.drain()
            self.agree()
        return self.digest.hexdigest() + self.engine.ledger.digest()

    def drain(self) -> None:
        for _ in range(MOST_REPORTS):
            if not self.pending:
                return
            self.take(self.pending.popleft())
        raise AssertionError("the engine and the venue never stop answering each other")

    def take(self, event: Event) -> None:
        facts, requests = self.engine.process(event)
        self.digest.update(encode(event))
        self.ids.add(event.id)
        if isinstance(event, FillEvent):
            assert event.order_id in self.approved, "a fill of what the gate never approved"
            assert event.ts_event > self.engine.ledger.orders[event.order_id].order.ts_event - 1
        for fact in facts:
            self.digest.update(encode(fact))
            assert getattr(fact, "cause", "") in self.ids, f"{fact} has no cause"
            assert fact.id not in self.ids
            self.ids.add(fact.id)
            if isinstance(fact, OrderUpdate):
                self.final_is_final(fact)
        for account in self.engine.ledger.accounts.values():
            account.balance()
        for request in requests:
            self.send(request)

    def send(self, request: Any) -> None:
        if not isinstance(request, ApprovedOrder):
            self.pending.extend(self.venue.cancel(request, request.ts_event))
            return
        gate = self.engine.gate
        wish = request.request
        if isinstance(wish, OrderEvent):
            assert wish.role is Role.FLATTEN or not gate.halted, "sent while halted"
            assert wish.role is Role.FLATTEN or wish.strategy_id not in gate.locked, "sent while locked"
            self.approved.add(wish.order_id)
        assert self.engine.ledger.orders[wish.order_id].living
        self.pending.extend(self.venue.place(request, wish.ts_event))

    def final_is_final(self, update: OrderUpdate) -> None:
        ended = self.ended.get(update.order_id)
        assert ended is None or update.new is ended, "an order came back to life"
        if update.new in FINAL:
            self.ended[update.order_id] = update.new

    def agree(self) -> None:
        """The strategies' books add up to what the venue holds."""
        ledger, key = self.engine.ledger, self.instrument.key
        assert ledger.net(key) == self.venue.positions()[key]
        if self.instrument.is_spot or len(self.names) == 1:
            cash = sum(account.cash for account in ledger.accounts.values())
            assert cash == to_scaled(self.venue.balances()["USDT"], ledger.cash_places)
        if self.instrument.is_spot:
            assert min(self.venue.balances().values()) >= 0
        overfilled = [each for each in ledger.orders.values() if each.filled_raw > each.quantity_raw]
        assert not overfilled
        assert not [each for each in ledger.refusals if each.rule in ("unknown_order", "overfill")]


def loop(*what: Any) -> Loop:
    return Loop(*what)


@settings(max_examples=80, deadline=None)
@given(FLOW, st.sampled_from(SPOTS), st.sampled_from([("a",), ("a", "b")]), PROFILE, LIMITS, BUDGET)
def test_on_spot_the_books_balance_agree_with_the_venue_and_nothing_passes_the_gate(
    flow: list[Any], instrument: Instrument, names: tuple[str, ...], profile: Profile, limits: Limits, budget: Budget
) -> None:
    loop(instrument, names, profile, limits, budget).play(flow)


@settings(max_examples=80, deadline=None)
@given(FLOW, st.sampled_from([("a",), ("a", "b")]), PROFILE, LIMITS, BUDGET)
def test_on_a_perpetual_the_books_balance_agree_with_the_venue_and_nothing_passes_the_gate(
    flow: list[Any], names: tuple[str, ...], profile: Profile, limits: Limits, budget: Budget
) -> None:
    loop(PERPETUAL, names, profile, limits, budget).play(flow)


@settings(max_examples=25, deadline=None)
@given(FLOW, st.sampled_from([*SPOTS, PERPETUAL]), PROFILE, LIMITS, BUDGET)
def test_the_same_inputs_give_the_same_bytes_twice(
    flow: list[Any], instrument: Instrument, profile: Profile, limits: Limits, budget: Budget
) -> None:
    first, second = (loop(instrument, ("a", "b"), profile, limits, budget).play(flow) for _ in range(2))
    assert first == second


def random_flow(chance: random.Random, *, commands: bool) -> list[Any]:
    """A flow of the same steps, drawn evenly, so that what the laws are about is known to happen in it."""
    return [
        (
            chance.randint(85, 115),
            chance.randint(85, 115),
            chance.randint(0, 9),
            chance.randint(0, 9),
            chance.randint(0, 20),
            (random_opinion(chance), random_opinion(chance)),
            chance.choice([None] * 60 + COMMANDS) if commands else None,
        )
        for _ in range(60)
    ]


def random_opinion(chance: random.Random) -> Target | Quotes | None:
    low, high = Decimal(chance.randint(80, 99)), Decimal(chance.randint(101, 120))
    exact = Decimal(chance.randint(-9, 9))
    quoted = Quotes("", ((low, Decimal(2)),), ((high, Decimal(2)),))
    limited = Target("", chance.randint(-1_000_000, 1_000_000), None, low)
    return chance.choice([None, None, None, Target("", 1_000_000), Target("", None, exact, None, low), limited, quoted])


def test_the_laws_are_about_stops_refusals_expiries_locks_and_halts_that_happen() -> None:
    seen: set[str] = set()
    limits = [Limits(), Limits(max_drawdown=Decimal("0.05")), Limits(max_order_notional=Decimal(400))]
    for number in range(18):
        instrument = [*SPOTS, PERPETUAL][number // 3 % 3]
        names = ("a", "b") if number % 2 else ("a",)
        budget = Budget(max_drawdown=Decimal("0.05")) if number % 2 else Budget()
        run = loop(instrument, names, Profile(slippage_rate=2_000_000), limits[number % 3], budget)
        run.play(random_flow(random.Random(number), commands=bool(number % 2)))
        seen.update(f"{each.order.role} {each.status}" for each in run.engine.ledger.orders.values())
        seen.update(str(each.action) for each in run.engine.ledger.refusals)
    assert {f"{role} filled" for role in Role} <= seen
    assert {"entry denied", "entry expired", "entry cancelled", RiskAction.LOCKED, RiskAction.HALTED} <= seen
