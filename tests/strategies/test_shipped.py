"""What every shipped strategy promises over real bars: exact books, equal bytes twice, a state that can be saved."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import workbench.strategies
from tests.strategies.stage import SAMPLE, Run, run
from workbench.connectors.profile import Profile
from workbench.core.order import Role
from workbench.core.strategy import Strategy
from workbench.data.lake import open_sample
from workbench.strategies.donchian import DonchianBreakout
from workbench.strategies.ema_cross import EmaCross
from workbench.strategies.manual import ManualTarget
from workbench.strategies.quoting import TwoSidedQuotes
from workbench.strategies.rsi_reversion import RsiReversion
from workbench.strategies.sma_cross import SmaCross

PLAIN = Profile(slippage_rate=10_000, volume_share=20_000_000)  # 1 bp, a fifth of the volume
MADE = {
    SmaCross: dict,
    EmaCross: dict,
    RsiReversion: dict,
    DonchianBreakout: dict,
    TwoSidedQuotes: lambda: {"size": "0.1", "limit": "0.5", "half_spread": 20},
    ManualTarget: lambda: {"targets": '{"BTC/USDT": 0.5}'},
}
SHIPPED = pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)


@pytest.fixture(scope="module")
def sample():
    data = open_sample(SAMPLE)
    return data.instrument, list(data.events(0, 2_000))


def over(sample, kind: type[Strategy], *, bars: int = 2_000, **changes) -> Run:
    instrument, events = sample
    return run(kind(**MADE[kind]()), events[:bars], instrument, profile=PLAIN, **changes)


def test_this_covers_every_strategy_that_is_shipped():
    modules = [
        importlib.import_module(each.name)
        for each in pkgutil.iter_modules(workbench.strategies.__path__, "workbench.strategies.")
    ]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module.__name__
    }
    assert found == set(MADE)


@SHIPPED
def test_it_trades_real_bars_and_every_account_adds_up(sample, kind):
    done = over(sample, kind)
    assert done.fills
    done.balance()
    assert not done.engine.gate.halted


@SHIPPED
def test_the_same_run_twice_and_one_restored_in_the_middle_are_equal_to_the_byte(sample, kind):
    first = over(sample, kind, bars=600)
    assert over(sample, kind, bars=600).journal_digest == first.journal_digest
    middle = over(sample, kind, bars=600, restored_at=300)
    assert (middle.journal_digest, middle.ledger.digest()) == (first.journal_digest, first.ledger.digest())


def test_a_stop_over_real_bars_is_amended_filled_and_never_left_behind(sample):
    done = over(sample, EmaCross)
    stops = done.orders(Role.STOP)
    amended = [each for order in stops for each in done.reports(order) if each.reason == "amended"]
    assert len(amended) > len(stops)
    assert done.fills_of(Role.STOP)
    held = 0
    for fill in done.fills:
        held += fill.side.sign * fill.quantity_raw
        assert held >= 0
    living = [state for state in done.ledger.living.values() if state.order.role is Role.STOP]
    assert sum(state.remaining_raw for state in living) <= done.ledger.net(sample[0].key)
