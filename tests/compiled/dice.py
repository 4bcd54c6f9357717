"""Kernels that roll dice, and markets, costs, limits and budgets drawn from a seed, hostile ones among them."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from workbench.connectors.profile import Profile
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.kernel import Kernel, kernel, quotes, target
from workbench.data.dataset import Dataset, Provenance, make_dataset
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits


class Case(msgspec.Struct, frozen=True):
    """One run to be made in both engines."""

    kernel: Any
    parameters: dict[str, int]
    dataset: Dataset
    cash: Decimal
    profile: Profile
    limits: Limits
    budget: Budget


@kernel(state={"seed": 1, "kept": 0.0, "at": 0, "until": 0, "stop": 0})
def dice(
    bar,
    state,
    market,
    start: int = 1,
    every: int = 3,
    limits: int = 50,
    stops: int = 30,
    lapses: int = 20,
    far: int = 20,
) -> float:
    if state.seed == 1:
        state.seed = start
    state.seed = (state.seed * 1103515245 + 12345) % 2147483648
    roll = state.seed // 65536
    if roll % every == 0:
        state.kept = float(roll // 8 % 9 - 2) / 6.0
        if state.kept > 1.0:
            state.kept = 1.0
        state.at = 0
        state.stop = 0
        state.until = 0
        if roll % 101 < limits:
            state.at = bar.close_raw + market.tick * (roll // 16 % (2 * far + 1) - far)
        if roll % 97 < stops:
            state.stop = bar.close_raw + market.tick * (roll // 32 % (2 * far + 1) - far)
        if roll % 89 < lapses:
            state.until = bar.time + bar.interval_ns * (roll // 64 % 4)
        if state.at < 0:
            state.at = 0
        if state.stop < 0:
            state.stop = 0
    if roll % 53 == 0:
        return math.nan
    return target(state.kept, state.at, state.stop, state.until)


@kernel(state={"seed": 1, "bid": 0, "ask": 0, "size": 0, "other": 0})
def quoter(bar, state, market, position, start: int = 1, every: int = 3, far: int = 10, lots: int = 100) -> float:
    if state.seed == 1:
        state.seed = start
    state.seed = (state.seed * 1103515245 + 12345) % 2147483648
    roll = state.seed // 65536
    if roll % every == 0:
        state.bid = bar.close_raw - market.tick * (roll // 16 % (far + 1) - 1)
        state.ask = bar.close_raw + market.tick * (roll // 32 % (far + 1) - 1)
        state.size = market.lot * (roll // 8 % lots)
        state.other = market.lot * (roll // 64 % lots)
        if state.bid < 1:
            state.bid = 1
    if roll % 31 == 0:
        return target(0.5)
    if roll % 37 == 0:
        return target(0.0)
    if roll % 41 == 0:
        return math.nan
    return quotes(state.bid, state.size, state.ask, state.other)


@kernel(state={"seed": 1, "kept": 0.0, "at": 0, "stop": 0})
def ticker(
    trade, state, market, position, last_fill, start: int = 1, every: int = 3, far: int = 10, lots: int = 100
) -> float:
    if state.seed == 1:
        state.seed = start
    state.seed = (state.seed * 1103515245 + 12345 + last_fill.number) % 2147483648
    roll = state.seed // 65536
    if roll % every == 0:
        state.kept = float(roll // 8 % 5 - 1) / 4.0
        state.at = 0
        state.stop = 0
        if roll % 3 == 0:
            state.at = trade.price_raw + market.tick * (roll // 16 % (2 * far + 1) - far)
        if roll % 5 == 0:
            state.stop = trade.price_raw + market.tick * (roll // 32 % (2 * far + 1) - far)
        if state.at < 0:
            state.at = 0
        if state.stop < 0:
            state.stop = 0
    if roll % 7 == 0:
        return target(state.kept, state.at, state.stop)
    if roll % 11 == 0:
        return quotes(
            max(1, trade.price_raw - market.tick * (roll // 16 % far)),
            market.lot * (roll // 8 % lots),
            trade.price_raw + market.tick * (roll // 32 % far),
            max(0, position),
        )
    return math.nan


@kernel(state={"seed": 1, "kept": 0.0, "at": 0, "stop": 0})
def booker(
    quote, state, market, position, entry_price, start: int = 1, every: int = 3, far: int = 10, lots: int = 100
) -> float:
    if state.seed == 1:
        state.seed = start
    state.seed = (state.seed * 1103515245 + 12345 + position % 1000) % 2147483648
    roll = state.seed // 65536
    price = quote.bid_raw
    if not math.isnan(entry_price) and roll % 13 == 0 and entry_price * float(market.price_scale) > float(price):
        return target(0.0)
    if price < 1:
        price = 1
    if roll % every == 0:
        state.kept = float(roll // 8 % 5 - 1) / 4.0
        state.at = 0
        state.stop = 0
        if roll % 3 == 0:
            state.at = max(0, price + market.tick * (roll // 16 % (2 * far + 1) - far))
        if roll % 5 == 0:
            state.stop = max(0, price + market.tick * (roll // 32 % (2 * far + 1) - far))
    if roll % 3 == 0:
        return target(state.kept, state.at, state.stop)
    if roll % 5 == 0:
        return quotes(
            max(1, price - market.tick * (roll // 16 % far)),
            market.lot * (roll // 8 % lots),
            price + market.tick * (1 + roll // 32 % far),
            max(0, position),
        )
    return math.nan


def case_of(seed: int) -> Case:
    """The case of a seed; equal seeds give equal cases."""
    chance, draw = random.Random(seed), np.random.default_rng(seed)
    kind = chance.choice(["bars"] * 4 + ["trades", "quotes"])
    instrument, price = _instrument(chance)
    dataset = _market(kind, instrument, price, chance, draw)
    thinks: Kernel = {"bars": chance.choice([dice, dice, quoter]), "trades": ticker, "quotes": booker}[kind]
    return Case(
        kernel=thinks,
        parameters=_parameters(thinks, chance),
        dataset=dataset,
        cash=Decimal(chance.choice(["10000", "10000", "137.25", "1000000"])),
        profile=_profile(dataset.interval_ns or 60 * 10**9, chance),
        limits=_limits(chance),
        budget=Budget(
            quote=_maybe(chance, 0.3, "3000", "20000"),
            max_drawdown=_maybe(chance, 0.2, "0.01", "0.05", "0"),
            rebalance_band=_maybe(chance, 0.2, "0.01", "0"),
        ),
    )


def _maybe(chance: random.Random, often: float, *values: str) -> Decimal | None:
    return Decimal(chance.choice(values)) if chance.random() < often else None


def _instrument(chance: random.Random) -> tuple[Instrument, int]:
    """An instrument, and the ticks that its price begins at."""
    places, tick = chance.choice([0, 2, 2, 5, 8]), chance.choice([1, 1, 5, 10])
    lot = 10 ** chance.choice([0, 3, 5, 6, 8])
    instrument = Instrument(
        venue="v",
        symbol="A/B",
        tick=Decimal(tick).scaleb(-places),
        lot=Decimal(lot).scaleb(-8),
        price_places=places,
        quantity_places=8,
        min_quantity=Decimal(lot * chance.choice([0, 1, 10])).scaleb(-8),
        min_notional=Decimal(chance.choice(["0", "0", "10", "100"])),
        fee_currency=chance.choice([FeeCurrency.QUOTE, FeeCurrency.QUOTE, FeeCurrency.RECEIVED]),
        amendable=chance.random() < 0.75,
    )
    return instrument, chance.choice([50, 1_000, 60_000, 10**6])


def _market(kind: str, instrument: Instrument, price: int, chance: random.Random, draw: np.random.Generator) -> Dataset:
    """A walk with gaps, spikes and volumes of nothing."""
    count, tick = chance.choice([60, 150, 400]), instrument.terms(instrument.cash_places).tick
    step = max(1, int(price * chance.choice([0.0005, 0.005, 0.03])))
    closes = np.maximum(1, price + np.cumsum(draw.integers(-step, step + 1, count)))
    if chance.random() < 0.2:
        closes[count // 2] = max(1, closes[count // 2] // 2)
    interval = chance.choice([60, 3600]) * 10**9
    times = np.arange(count, dtype=np.int64) * interval
    if chance.random() < 0.3:
        times[count // 3 :] += interval * chance.choice([1, 10, 1000])
    unit = min(10**15, max(1, 10 ** (instrument.price_places + 11) // (price * tick)))  # about 1000 of quote
    volumes = draw.integers(0, 5 if chance.random() < 0.5 else unit * 5, count)
    volumes = volumes * (unit if volumes.max() < 5 else 1)
    columns: dict[str, Any] = {"time": times}
    if kind == "bars":
        opens = np.maximum(
            1, np.concatenate([closes[:1], closes[:-1]]) + draw.integers(-1, 2, count) * chance.choice([0, 1, 3])
        )
        highs = np.maximum(opens, closes) + draw.integers(0, max(2, step // 2 + 1), count)
        lows = np.maximum(1, np.minimum(opens, closes) - draw.integers(0, max(2, step // 2 + 1), count))
        prices = {"open": opens, "high": highs, "low": lows, "close": closes}
        columns |= {name: values * tick for name, values in prices.items()} | {"volume": volumes}
    elif kind == "trades":
        sides, names = draw.integers(-1, 2, count), np.array([str(each) for each in range(count)], dtype=object)
        columns |= {
            "time": times // chance.choice([1, 1, 3]),
            "price": closes * tick,
            "quantity": volumes,
            "side": sides,
        }
        columns["trade_id"] = names
    else:
        bids, asks = closes * tick, (closes + draw.integers(1, 4, count)) * tick
        if chance.random() < 0.4:
            bids, asks = np.where(draw.random(count) < 0.1, 0, bids), np.where(draw.random(count) < 0.1, 0, asks)
        columns |= {"bid": bids, "ask": asks}
        columns |= {
            "bid_quantity": np.where(bids == 0, 0, volumes + 1),
            "ask_quantity": np.where(asks == 0, 0, volumes + 1),
        }
    whole = {name: each if name == "trade_id" else each.astype(np.int64) for name, each in columns.items()}
    return make_dataset(
        id="",
        kind=kind,
        instrument=instrument,
        interval_ns=interval if kind == "bars" else 0,
        columns=whole,
        provenance=Provenance(),
    )


def _profile(interval: int, chance: random.Random) -> Profile:
    return Profile(
        maker_rate=chance.choice([100_000, -20_000, 0, 50_000]),
        taker_rate=chance.choice([100_000, 0, 500_000]),
        slippage_rate=chance.choice([0, 0, 10_000, 500_000]),
        latency_ns=chance.choice([0, 0, 0, 1, interval // 2, interval, 3 * interval + 1]),
        volume_share=chance.choice([10**8, 10**8, 10**7, 10**5]),
    )


def _limits(chance: random.Random) -> Limits:
    return Limits(
        max_order_notional=_maybe(chance, 0.2, "500", "5000"),
        max_position_notional=_maybe(chance, 0.2, "2000", "6000"),
        max_orders_per_minute=chance.choice([None, None, 1, 3]),
        max_rejections_per_minute=chance.choice([None, None, 1, 3]),
        covered_spot=chance.choice([None, None, True]),
        price_collar=_maybe(chance, 0.2, "0.01", "0.001"),
        max_data_age_s=_maybe(chance, 0.2, "0", "30", "100"),
        max_drawdown=_maybe(chance, 0.15, "0.02", "0.1"),
        allowed_symbols=chance.choice([None] * 12 + [()]),
    )


def _parameters(thinks: Kernel, chance: random.Random) -> dict[str, int]:
    start = chance.randrange(2, 10**6)
    if thinks is dice:
        given = {"limits": chance.choice([0, 50, 100]), "stops": chance.choice([0, 30, 97])}
        return given | {
            "start": start,
            "every": chance.choice([1, 3, 10]),
            "lapses": chance.choice([0, 20]),
            "far": chance.choice([1, 5, 50]),
        }
    return {
        "start": start,
        "every": chance.choice([1, 3]),
        "far": chance.choice([2, 10, 50]),
        "lots": chance.choice([3, 1_000]),
    }
