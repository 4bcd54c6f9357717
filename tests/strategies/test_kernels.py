"""Class and kernel of every shipped strategy keep the same ledger, in plain Python and in machine code."""

from __future__ import annotations

import random

import pytest

from tests.strategies.stage import SAMPLE, Run, run
from workbench.connectors.profile import Profile
from workbench.core.events import Bar, Trade
from workbench.core.kernel import Kernel
from workbench.core.strategy import Strategy
from workbench.data.lake import open_sample
from workbench.strategies.donchian import DonchianBreakout, donchian
from workbench.strategies.ema_cross import EmaCross, ema_cross
from workbench.strategies.quoting import TwoSidedQuotes, two_sided_quotes
from workbench.strategies.rsi_reversion import RsiReversion, rsi_reversion
from workbench.strategies.sma_cross import SmaCross, sma_cross

COSTS = Profile(slippage_rate=10_000, volume_share=20_000_000)  # 1 bp, a fifth of the volume
BARS = 700

FORMS = pytest.mark.parametrize("form", ["python", "machine"])


def sma_parameters(chance: random.Random) -> dict[str, object]:
    fast = chance.randint(1, 40)
    return {"fast": fast, "slow": fast + chance.randint(1, 60)}


def ema_parameters(chance: random.Random) -> dict[str, object]:
    more = {"atr": chance.randint(1, 30), "stop_atr": chance.uniform(0.3, 4.0), "trail": chance.random() < 0.5}
    return {**sma_parameters(chance), **more, "exposure": chance.choice([1.0, 0.37])}


def donchian_parameters(chance: random.Random) -> dict[str, object]:
    left = chance.randint(1, 30)
    return {"entry": left + chance.randint(0, 40), "exit": left, "short": chance.random() < 0.5}


def rsi_parameters(chance: random.Random) -> dict[str, object]:
    return {
        "window": chance.randint(2, 30),
        "oversold": chance.uniform(20, 50),
        "recovered": chance.uniform(51, 70),
        "discount_bps": chance.randint(0, 60),
        "premium_bps": chance.choice([0, 5, 30]),
        "patience": chance.randint(1, 5),
        "exposure": chance.choice([1.0, 0.5]),
    }


PAIRS = {
    SmaCross: (sma_cross, sma_parameters),
    EmaCross: (ema_cross, ema_parameters),
    DonchianBreakout: (donchian, donchian_parameters),
    RsiReversion: (rsi_reversion, rsi_parameters),
}


@pytest.fixture(scope="module")
def sample():
    data = open_sample(SAMPLE)
    return data.instrument, list(data.events(0, BARS))


def as_kernel(kernel: Kernel, kind: type[Strategy], parameters: dict[str, object]) -> Strategy:
    """The kernel under the name of the class: the name is part of a ledger."""
    strategy = kernel(**parameters)
    strategy.id = kind.__name__
    return strategy


@FORMS
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", PAIRS, ids=lambda kind: kind.__name__)
def test_class_and_kernel_keep_the_same_ledger(sample, kind, seed, form, monkeypatch):
    monkeypatch.setenv("WORKBENCH_KERNELS", form)
    instrument, events = sample
    kernel, draw = PAIRS[kind]
    parameters = draw(random.Random(f"{kind.__name__} {seed}"))
    expected = run(kind(**parameters), events, instrument, profile=COSTS)
    found = run(as_kernel(kernel, kind, parameters), events, instrument, profile=COSTS)
    assert found.ledger.digest() == expected.ledger.digest()
    assert found.fills or not expected.fills


@FORMS
def test_the_comparisons_are_over_runs_that_trade(sample, form, monkeypatch):
    monkeypatch.setenv("WORKBENCH_KERNELS", form)
    instrument, events = sample
    for kernel, _ in PAIRS.values():
        assert run(kernel(), events, instrument, profile=COSTS).fills, kernel


def trades_of(bars: list[Bar]) -> list[Trade]:
    """Four trades for each bar, at its open, low, high and close."""
    found = []
    for bar in bars:
        for part, price in enumerate((bar.open_raw, bar.low_raw, bar.high_raw, bar.close_raw)):
            at = bar.ts_event - bar.interval_ns + part * bar.interval_ns // 4
            quantity = max(1, bar.volume_raw // 4)
            found.append(Trade("hand", len(found) + 1, at, at, bar.instrument, price, quantity))
    return found


def quoting(seed: int) -> tuple[dict[str, object], dict[str, object]]:
    """Parameters of the class, and the same of the kernel."""
    chance = random.Random(seed)
    size, ticks = chance.choice(["0.01", "0.03"]), chance.random() < 0.3
    both = {
        "half_spread": chance.randint(1, 40) * (100 if ticks else 1),
        "skew": chance.randint(0, 20) * (100 if ticks else 1),
        "requote_ticks": chance.choice([1, 500]),
    }
    words = {**both, "unit": "ticks" if ticks else "bps", "size": size, "limit": "0.05"}
    return words, {**both, "ticks": ticks, "size": float(size), "limit": 0.05}


@FORMS
@pytest.mark.parametrize("seed", range(3))
def test_the_quoting_class_and_kernel_keep_the_same_ledger_on_trades(sample, seed, form, monkeypatch):
    monkeypatch.setenv("WORKBENCH_KERNELS", form)
    instrument, bars = sample
    events = trades_of(bars[:250])
    of_class, of_kernel = quoting(seed)
    expected = run(TwoSidedQuotes(**of_class), events, instrument, profile=COSTS)
    found = run(as_kernel(two_sided_quotes, TwoSidedQuotes, of_kernel), events, instrument, profile=COSTS)
    assert expected.fills
    assert found.ledger.digest() == expected.ledger.digest()


def journals(strategy: Strategy, sample, **changes) -> tuple[str, str]:
    instrument, events = sample
    done: Run = run(strategy, events[:400], instrument, profile=COSTS, **changes)
    return done.journal_digest, done.ledger.digest()


@pytest.mark.parametrize("kernel", [pair[0] for pair in PAIRS.values()], ids=lambda kernel: kernel.name)
def test_a_kernel_restored_in_the_middle_writes_the_same_journal(sample, kernel, monkeypatch):
    monkeypatch.setenv("WORKBENCH_KERNELS", "machine")
    whole = journals(kernel(), sample)
    assert journals(kernel(), sample, restored_at=200) == whole  # by plain Python, from the state of machine code
    monkeypatch.setenv("WORKBENCH_KERNELS", "python")
    assert journals(kernel(), sample) == whole
