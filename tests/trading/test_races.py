"""What is wanted and what happens meanwhile: stops, reductions and amendments that the market overtakes."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest

from tests.trading.floor import Floor
from tests.trading.trading_bench import PERPETUAL, SPOT, UNIT, Bench, exactly, exposure, quotes
from workbench.core.clock import MINUTE
from workbench.core.events import AmendEvent, Flatten, Halt, OrderEvent, Pause, Rearm, Resume, Target
from workbench.core.ledger import OrderState
from workbench.core.order import OrderStatus, Role
from workbench.risk.limits import View

FREE = msgspec.structs.replace(SPOT, min_notional=Decimal(0))
FREE_PERPETUAL = msgspec.structs.replace(PERPETUAL, min_notional=Decimal(0))
FLOWS = range(800)


class NoEntries(msgspec.Struct):
    """A risk rule that has enough of entries."""

    name: str = "no_entries"

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        return "enough" if isinstance(order, OrderEvent) and order.role is Role.ENTRY else None


# --- protective stops -----------------------------------------------------------------------------


def test_a_position_whose_reduction_is_refused_is_protected_again() -> None:
    floor = Floor(FREE, cash="100000")
    floor.say(exactly("5", stop=Decimal(70)))
    floor.bars(3, 100)
    floor.say(exactly("8", limit=Decimal(80), stop=Decimal(70)))
    floor.bars(2, 100)
    floor.engine.gate.limits = [*floor.engine.gate.limits, NoEntries()]
    floor.say(exactly("3", stop=Decimal(70)))
    floor.bars(3, 100)
    (stop,) = floor.living
    assert (stop.order.role, stop.remaining_raw, stop.stop_raw) == (Role.STOP, 5 * UNIT, 70)
    assert floor.held() == 5


def test_a_reduction_said_before_the_stop_closed_the_position_is_not_bought_back() -> None:
    floor = Floor(SPOT, latency=1)
    floor.say(exactly("10", stop=Decimal(90)))
    floor.bars(4, 100)
    assert floor.held() == 10
    floor.say(exactly("5", stop=Decimal(90)))
    floor.bar(95)
    floor.bar(95, low=85, last=92)
    floor.bars(4, 92)
    assert (floor.held(), len(floor.sent(Role.ENTRY)), floor.living) == (0, 1, [])


@pytest.mark.parametrize("seeds", [FLOWS[number::4] for number in range(4)], ids=str)
def test_whatever_raced_a_held_position_with_a_stop_is_protected_or_closing_once_all_has_settled(
    seeds: range,
) -> None:
    for seed in seeds:
        floor = _traded(seed)
        desk, held = floor.desk(), floor.held() * UNIT
        assert isinstance(desk.said, Target), seed
        if not held or desk.said.stop is None:
            continue
        stop, closing = desk.orders.get((Role.STOP, 0)), {Role.ENTRY, Role.FLATTEN} & {role for role, _ in desk.orders}
        assert stop or closing, f"seed {seed}: {held} held and nothing protects it"
        if stop and not closing:
            assert (stop.remaining_raw, stop.stop_raw) == (abs(held), int(desk.said.stop)), seed
            assert floor.living == [stop], seed


def _traded(seed: int) -> Floor:
    """A floor after a wild half hour, rearmed, with a last word and time to settle."""
    chance = random.Random(seed)
    instrument = chance.choice([FREE, FREE_PERPETUAL])
    floor = Floor(instrument, cash="100000", latency=chance.choice([0, 0, 1, MINUTE // 2, 2 * MINUTE + 5]))
    price = 100
    for _ in range(25):
        price = max(50, min(200, price + chance.randint(-6, 6)))
        floor.say(chance.choice([None, None, _opinion(chance, instrument.symbol, price, instrument.is_spot)]))
        first = price + chance.randint(-3, 3)
        high, low = max(first, price) + chance.randint(0, 4), min(first, price) - chance.randint(0, 4)
        floor.bar(first, high=high, low=low, last=price, volume=chance.choice([1000, 1000, 3, 0]))
        if chance.random() < 0.06:
            floor.command(chance.choice([Flatten, Pause, Resume]))
        if chance.random() < 0.03:
            floor.command(Halt, reason="a doubt")
        if chance.random() < 0.06:
            floor.command(Rearm, reason="no doubt")
    floor.command(Rearm, reason="the end")
    floor.command(Resume)
    floor.say(Target(instrument.symbol, quantity=Decimal(5), stop=Decimal(40)))
    floor.bars(12, price)
    return floor


def _opinion(chance: random.Random, symbol: str, price: int, spot: bool) -> Target:
    quantity = chance.randint(0 if spot else -8, 8)
    away = chance.randint(3, 9)
    limit = Decimal(price + chance.randint(-4, 4)) if chance.random() < 0.3 else None
    stop = price - away if quantity >= 0 else price + away
    return Target(symbol, None, Decimal(quantity), limit, Decimal(stop))


# --- amendments -----------------------------------------------------------------------------------


def test_an_amendment_that_a_fill_overtakes_gets_the_rest() -> None:
    floor = Floor(SPOT, latency=MINUTE // 2)
    floor.say(exactly("5", limit=Decimal(90)))
    floor.bars(3, 100)
    floor.say(exactly("8", limit=Decimal(90)))
    floor.bar(100)
    floor.bar(95, low=85)  # the five fill before the venue has the amendment
    assert floor.held() == 5
    for _ in range(4):
        floor.bar(95, low=80)
    assert floor.held() == 8
    assert [each.quantity_raw for each in floor.sent(Role.ENTRY)] == [5 * UNIT, 3 * UNIT]


def test_an_amendment_that_the_venue_refuses_is_not_repeated() -> None:
    bench, entry = _amended()
    bench.report(entry, reason="not amended: no")
    assert bench.requests == ()
    bench.bar()
    bench.report(entry, reason="still not")
    assert bench.requests == ()


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.EXPIRED])
def test_an_entry_that_ends_while_it_is_amended_is_not_sent_again(status: OrderStatus) -> None:
    bench, entry = _amended()
    bench.report(entry, status, reason="the venue's doing")
    assert bench.requests == ()
    bench.bar()
    assert bench.requests == ()


def _amended() -> tuple[Bench, OrderState]:
    """A limit for five that is on its way to be one for eight."""
    bench = Bench()
    bench.say(exactly("5", limit=Decimal(90)))
    entry = bench.only()
    bench.report(entry)
    bench.say(exactly("8", limit=Decimal(90)))
    assert [each.quantity_raw for each in bench.amended] == [8 * UNIT]
    return bench, entry


# --- shares of cash -------------------------------------------------------------------------------


@pytest.mark.parametrize(("says", "held"), [(exposure(1.0), 6), (exactly("20"), 6)])
def test_a_strategy_spends_its_own_cash_and_no_more_when_the_price_runs_away(says: Target, held: int) -> None:
    floor = Floor(SPOT, names=("a", "b"))
    floor.say(says, name="a")
    floor.bar(100)
    floor.bars(2, 150)
    assert (floor.held("a"), floor.cash("a")) == (held, 1000 - 150 * held)
    (order,) = floor.sent(Role.ENTRY)
    assert order.status is OrderStatus.EXPIRED
    floor.say(exposure(1.0), name="b")
    floor.bars(2, 150)
    assert (floor.held("b"), floor.cash("b")) == (6, 100)


def test_what_rests_at_the_venue_for_one_strategy_takes_nothing_from_another() -> None:
    floor = Floor(SPOT, names=("a", "b"))
    floor.say(exactly("10", limit=Decimal(90)), name="a")
    floor.bars(2, 100)
    floor.say(exposure(1.0), name="b")
    floor.bars(2, 100)
    assert (floor.held("a"), floor.held("b")) == (0, 10)
    floor.bar(100, low=80)
    assert (floor.cash("a"), floor.cash("b")) == (100, 0)


def test_what_a_strategy_has_resting_leaves_it_that_much_less_to_spend() -> None:
    floor = Floor(SPOT, names=("a", "b"))
    floor.say(quotes([(90, 8), (89, 8)]), name="a")
    floor.bars(2, 100)
    (resting,) = floor.living
    assert (resting.price_raw, resting.remaining_raw) == (90, 8 * UNIT)
