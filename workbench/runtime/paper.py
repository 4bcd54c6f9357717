"""From a configuration to a paper run: which strategies, on which data, with what money and limits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from workbench.connectors.profile import Profile
from workbench.core.clock import parse_instant
from workbench.core.errors import ConfigError, Refused
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.money import canonical, round_scaled, to_decimal, to_scaled
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.data.lake import Lake
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.runtime import release as releases_of
from workbench.runtime.build import data_range, one_series_each
from workbench.runtime.config import Config, StrategyConfig
from workbench.runtime.plan import Maker, Plan, Seat, seat_of
from workbench.runtime.release import Release
from workbench.runtime.strategies import class_of, made

EVERY = "*"  # the symbols entry that means all the run's data has
SLOWEST = 1e-6  # a bar of one minute would take two years


def limits_of(config: Config) -> Limits:
    """The risk limits that a configuration names."""
    risk = config.risk
    return Limits(
        max_order_notional=risk.max_order_notional,
        max_position_notional=risk.max_position_notional,
        max_orders_per_minute=risk.max_orders_per_minute,
        price_collar=risk.price_collar,
        max_data_age_s=risk.max_data_age_s,
        max_drawdown=risk.max_drawdown,
        allowed_symbols=None if risk.allowed_symbols is None else tuple(risk.allowed_symbols),
    )


def profile_of(config: Config, name: str = "config") -> Profile:
    """The simulated venue's costs and assumptions that a configuration names."""
    costs = config.costs
    return Profile(
        name=name,
        maker_rate=to_scaled(costs.maker_fee, 8, "costs.maker_fee"),
        taker_rate=to_scaled(costs.taker_fee, 8, "costs.taker_fee"),
        slippage_rate=to_scaled(costs.slippage_bps, 4, "costs.slippage_bps"),
        latency_ns=costs.latency_ms * 1_000_000,
        volume_share=to_scaled(costs.volume_share, 8, "costs.volume_share"),
    )


class PaperPlan(msgspec.Struct, frozen=True):
    """A paper run's plan, its data, how its strategies are made, and how fast the data plays."""

    plan: Plan
    datasets: dict[str, Dataset]
    make: Maker
    speed: float


def paper_plan(config: Config, lake: Lake, *, releases: Path) -> PaperPlan:
    """Resolves a configuration; raises ConfigError, DataError or Refused naming the entry that does not fit."""
    if not config.strategies:
        raise ConfigError("strategies: a run needs at least one")
    if not config.data:
        raise ConfigError("data: a paper run needs stored data to play back; name a dataset")
    speed = config.data[0].speed
    if 0 < speed < SLOWEST:
        raise ConfigError(f"data.speed: expected 0 (at once) or at least {SLOWEST} times real time, got {speed}")
    chosen: dict[str, _Chosen] = {}  # before the data is opened: what is refused leaves nothing behind
    for strategy in config.strategies:
        if strategy.id in chosen:
            raise ConfigError(f"strategies: two are called {strategy.id}")
        chosen[strategy.id] = _choose(strategy, config, releases)
    opened: list[Dataset] = []
    ranges = []
    for each in config.data:
        dataset = with_terms(lake.open(each.dataset), config)
        opened.append(dataset)
        start = None if each.start is None else parse_instant(each.start, "data.start")
        end = None if each.end is None else parse_instant(each.end, "data.end")
        ranges.append(data_range(dataset, start, end))
    one_series_each(opened)
    datasets = {dataset.id: dataset for dataset in opened}
    instruments = {dataset.instrument.key: dataset.instrument for dataset in datasets.values()}
    share = canonical(_share(config))
    seats = {each.id: _seat(each, chosen[each.id], instruments, share) for each in config.strategies}
    plan = Plan(
        base_currency=config.base_currency,
        instruments=tuple(instruments.values()),
        seats=seats,
        data=tuple(ranges),
        limits=limits_of(config),
        profile=profile_of(config),
    )
    return PaperPlan(plan, datasets, lambda name, seat: type(chosen[name].strategy)(**seat.parameters), speed)


def with_terms(dataset: Dataset, config: Config) -> Dataset:
    """The dataset with the instrument terms that the configuration sets for it, where it does."""
    instrument = dataset.instrument
    venue = config.venues.get(instrument.venue)
    terms = venue.instruments.get(instrument.symbol) if venue else None
    if terms is None:
        return dataset
    changed = Instrument(
        venue=instrument.venue,
        account=instrument.account,
        symbol=instrument.symbol,
        price_places=instrument.price_places,
        quantity_places=instrument.quantity_places,
        fee_currency=FeeCurrency(terms.fee_currency),
        fee_places=instrument.fee_places,
        **{name: getattr(terms, name) for name in ("tick", "lot", "min_quantity", "min_notional", "contract_size")},
    )
    return msgspec.structs.replace(dataset, instrument=changed)


def _share(config: Config) -> Decimal:
    """What a strategy starts with where it does not say: an equal part, rounded down to cents."""
    named = [each.cash for each in config.strategies if each.cash is not None]
    unnamed = len(config.strategies) - len(named)
    rest = round_scaled(config.cash, 2, up=False) - sum(round_scaled(each, 2, up=True) for each in named)
    if rest < 0 or (unnamed and rest == 0):
        raise ConfigError(f"cash: {config.cash} does not cover what the strategies ask for")
    return to_decimal(rest // unnamed, 2) if unnamed else Decimal(0)


class _Chosen(msgspec.Struct, frozen=True):
    """A strategy with its parameters, and the release it was loaded from."""

    strategy: Strategy
    release: Release | None = None


def _choose(strategy: StrategyConfig, config: Config, releases: Path) -> _Chosen:
    if (strategy.release is None) == (strategy.strategy is None):
        raise ConfigError(f"strategies.{strategy.id}: expected either a release or a strategy")
    if strategy.release is not None:
        release, kind = releases_of.load(releases_of.find(strategy.release, releases), stage="paper")
        chosen = made(kind, releases_of.narrowed(release, strategy.parameters, kind))
        chosen.release = release.id
        return _Chosen(chosen, release)
    if config.environment != "dev":
        raise Refused(f"strategies.{strategy.id}: {config.environment} runs releases only; promote {strategy.strategy}")
    return _Chosen(made(class_of(strategy.strategy or ""), strategy.parameters))


def _seat(strategy: StrategyConfig, chosen: _Chosen, instruments: Mapping[str, Instrument], share: str) -> Seat:
    if strategy.symbols == [EVERY]:
        keys = tuple(instruments)
    else:
        keys = tuple(_key(symbol, instruments, strategy.id) for symbol in strategy.symbols)
    cash = share if strategy.cash is None else canonical(strategy.cash)
    budget = Budget(
        quote=strategy.budget.quote,
        max_drawdown=strategy.budget.max_drawdown,
        rebalance_band=strategy.budget.rebalance_band,
    )
    if chosen.release is not None and not strategy.budget.model_fields_set:
        budget = chosen.release.budget
    return seat_of(chosen.strategy, instruments=keys, cash=cash, budget=budget)


def _key(symbol: str, instruments: Mapping[str, Instrument], strategy_id: str) -> str:
    found = [key for key, each in instruments.items() if symbol in (key, each.symbol)]
    if len(found) != 1:
        raise ConfigError(
            f"strategies.{strategy_id}.symbols: {symbol!r} is {'ambiguous' if found else 'not in the data'}; "
            f"there is {', '.join(sorted(instruments))}"
        )
    return found[0]
