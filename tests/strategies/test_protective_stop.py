"""A protective stop rests at the venue: it follows by amendment, fills, vanishes, and never asks in circles."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tests.strategies.stage import FREE, PERPETUAL, SPOT, bar, closes, run
from workbench.core import strategy
from workbench.core.events import AmendEvent, CancelEvent, RiskEvent, Target
from workbench.core.order import OrderStatus, Role, Side
from workbench.core.strategy import Strategy
from workbench.risk.budgets import Budget


class Scripted(Strategy):
    """Says the next target of a list at each bar: [exposure in ppm, stop or none]."""

    class Parameters(strategy.Parameters, frozen=True):
        targets: tuple[tuple[int, str | None], ...] = ()

    class State(strategy.State):
        at: int = 0

    def on_market_data(self, event):
        if self.state.at >= len(self.params.targets):
            return None
        ppm, stop = self.params.targets[self.state.at]
        self.state.at += 1
        return Target(event.symbol, ppm, stop=None if stop is None else Decimal(stop))


FULL = 1_000_000


def test_a_stop_rests_with_the_position_and_closes_it_when_price_touches_it():
    done = run(Scripted(targets=[[FULL, "95"]]), [*closes(100, 100, 100), bar(4, 94, open=100), bar(5, 94)], SPOT)
    (entry,), (stop,) = done.orders(Role.ENTRY), done.orders(Role.STOP)
    assert (stop.side, stop.quantity, stop.stop_raw, stop.reduce_only) == (Side.SELL, entry.quantity, 950, True)
    (fill,) = done.fills_of(Role.STOP)
    assert (fill.price, fill.quantity) == (Decimal(95), entry.quantity)
    assert not done.ledger.living
    done.balance()


def test_a_stop_that_only_moves_is_one_amendment_of_the_same_order_and_trades_nothing():
    targets = [[500_000, "90"], [500_000, "90"], [500_000, "95"], [500_000, "95"], [500_000, "101"]]
    done = run(Scripted(targets=targets), closes(100, 100, 120, 140, 160, 160), SPOT)
    assert len(done.orders(Role.ENTRY)) == len(done.fills) == 1
    (stop,) = done.orders(Role.STOP)
    assert [each.stop_raw for each in done.tape.of(AmendEvent)] == [950, 1010]
    assert done.ledger.orders[stop.order_id].stop_raw == 1010
    assert done.tape.of(CancelEvent) == []


def test_a_target_that_only_moves_its_stop_does_not_buy_back_what_the_stop_sold():
    targets = [[FULL, "95"], [FULL, "95"], [FULL, "95"], [FULL, "90"], [FULL, "91"]]
    done = run(Scripted(targets=targets), [*closes(100, 100), bar(3, 94, open=100), *closes(94, 94, 94, 94)[3:]], SPOT)
    assert [(fill.side, fill.price) for fill in done.fills] == [(Side.BUY, Decimal(100)), (Side.SELL, Decimal(95))]
    assert len(done.orders(Role.STOP)) == 1


def test_a_band_still_brings_a_drifted_position_back_while_its_stop_moves():
    targets = [[500_000, "90"], [500_000, "91"], [500_000, "92"], [500_000, "93"]]
    budget = Budget(rebalance_band=Decimal("0.05"))
    done = run(Scripted(targets=targets), closes(100, 100, 200, 200, 200), SPOT, budget=budget)
    assert [fill.side for fill in done.fills] == [Side.BUY, Side.SELL]


def test_a_stop_vanishes_when_the_position_is_closed():
    done = run(Scripted(targets=[[FULL, "90"], [FULL, "90"], [FULL, "90"], [0, None]]), closes(*[100] * 6), SPOT)
    (stop,) = done.orders(Role.STOP)
    assert done.ledger.orders[stop.order_id].status is OrderStatus.CANCELLED
    assert [fill.side for fill in done.fills] == [Side.BUY, Side.SELL]
    assert not done.ledger.living


def test_a_short_is_protected_by_a_buy_stop_above():
    events = [
        *closes(100, 100, 100, instrument=PERPETUAL),
        bar(4, 111, open=100, instrument=PERPETUAL),
        bar(5, 111, instrument=PERPETUAL),
    ]
    done = run(Scripted(targets=[[-FULL, "110"]]), events, PERPETUAL)
    (fill,) = done.fills_of(Role.STOP)
    assert (fill.side, fill.price) == (Side.BUY, Decimal(110))
    assert done.ledger.net(PERPETUAL.key) == 0
    done.balance()


def test_a_stop_that_the_venue_would_refuse_waits_until_there_is_enough_to_protect():
    coarse = msgspec.structs.replace(SPOT, min_quantity=Decimal(50))
    events = [bar(1, 100, instrument=coarse), bar(2, 100, volume=20, instrument=coarse), bar(3, 100, instrument=coarse)]
    done = run(Scripted(targets=[[FULL, "90"]]), events, coarse)
    assert [fill.quantity for fill in done.fills] == [Decimal(20), Decimal(80)]
    (resting,) = done.orders(Role.STOP)
    assert resting.quantity == Decimal(100)
    assert done.ledger.orders[resting.order_id].status is OrderStatus.ACKNOWLEDGED


def test_a_stop_that_trades_in_parts_is_not_amended_in_a_circle():
    targets = [[FULL, "95"], [FULL, "95"], [FULL, "95"], [FULL, "96"], [FULL, "97"]]
    events = [*closes(100, 100), bar(3, 94, open=100, volume=30), bar(4, 94, volume=30), bar(5, 94)]
    done = run(Scripted(targets=targets), events, SPOT)
    assert sum(fill.quantity for fill in done.fills_of(Role.STOP)) == Decimal(100)
    assert len(done.orders(Role.STOP)) == 1
    assert not done.ledger.living
    assert done.tape.of(RiskEvent) == []
    assert done.journal_digest == run(Scripted(targets=targets), events, SPOT, profile=FREE).journal_digest
