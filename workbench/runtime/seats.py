"""Who trades in a run: strategies chosen as the configuration says, and their places with money and instruments."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from workbench.core.errors import ConfigError, Refused
from workbench.core.instrument import Instrument
from workbench.core.money import canonical, round_scaled, to_decimal
from workbench.core.strategy import Strategy
from workbench.risk.budgets import Budget
from workbench.runtime import release as releases_of
from workbench.runtime.config import Config, StrategyConfig
from workbench.runtime.plan import Maker, Seat, seat_of
from workbench.runtime.release import Release
from workbench.runtime.strategies import class_of, made

EVERY = "*"  # the symbols entry that means all the run's data has


class Chosen(msgspec.Struct, frozen=True):
    """A strategy with its parameters, and the release it was loaded from."""

    strategy: Strategy
    release: Release | None = None
    on: tuple[str, ...] = ()  # what it was tried on when it was released, and hears unless told otherwise


def choose(config: Config, releases: Path, *, stage: str) -> dict[str, Chosen]:
    """Every strategy of a configuration, by id; raises ConfigError or Refused naming the entry that does not fit."""
    if not config.strategies:
        raise ConfigError("strategies: a run needs at least one")
    chosen: dict[str, Chosen] = {}
    for strategy in config.strategies:
        if strategy.id in chosen:
            raise ConfigError(f"strategies: two are called {strategy.id}")
        chosen[strategy.id] = _chosen(strategy, config, releases, stage)
    return chosen


def named(config: Config, releases: Path) -> Config:
    """The configuration with every `*` of a release replaced by the instruments that it was promoted on.

    Raises ConfigError for the `*` of a draft: there is no stored data whose instruments could be meant.
    """
    strategies = [_named(each, releases) if each.symbols == [EVERY] else each for each in config.strategies]
    return config.model_copy(update={"strategies": strategies})


def _named(strategy: StrategyConfig, releases: Path) -> StrategyConfig:
    if strategy.release is None:
        raise ConfigError(f"strategies.{strategy.id}.symbols: '*' means all of the stored data; name them for venues")
    promoted = releases_of.verify(releases_of.find(strategy.release, releases)).instruments
    return strategy.model_copy(update={"symbols": list(promoted)})


def seated(config: Config, chosen: Mapping[str, Chosen], instruments: Mapping[str, Instrument]) -> dict[str, Seat]:
    """The seats of the chosen strategies, each with its instruments and its share of the cash."""
    share = canonical(_share_of(config))
    return {each.id: _seat(each, chosen[each.id], instruments, share) for each in config.strategies}


def maker(chosen: Mapping[str, Chosen]) -> Maker:
    """Makes each strategy anew for its seat."""
    return lambda name, seat: type(chosen[name].strategy)(**seat.parameters)


def _share_of(config: Config) -> Decimal:
    """What a strategy starts with where it does not say: an equal part, rounded down to cents."""
    named = [each.cash for each in config.strategies if each.cash is not None]
    unnamed = len(config.strategies) - len(named)
    rest = round_scaled(config.cash, 2, up=False) - sum(round_scaled(each, 2, up=True) for each in named)
    if rest < 0 or (unnamed and rest == 0):
        raise ConfigError(f"cash: {config.cash} does not cover what the strategies ask for")
    return to_decimal(rest // unnamed, 2) if unnamed else Decimal(0)


def _chosen(strategy: StrategyConfig, config: Config, releases: Path, stage: str) -> Chosen:
    if (strategy.release is None) == (strategy.strategy is None):
        raise ConfigError(f"strategies.{strategy.id}: expected either a release or a strategy")
    if strategy.release is not None:
        folder = releases_of.find(strategy.release, releases)
        release, kind = releases_of.load(folder, stage=stage)
        chosen = made(kind, releases_of.narrowed(release, strategy.parameters, kind))
        chosen.release = release.id
        return Chosen(chosen, release, releases_of.tried_on(folder, stage=stage))
    if config.environment != "dev":
        raise Refused(f"strategies.{strategy.id}: {config.environment} runs releases only; promote {strategy.strategy}")
    return Chosen(made(class_of(strategy.strategy or ""), strategy.parameters))


def _seat(strategy: StrategyConfig, chosen: Chosen, instruments: Mapping[str, Instrument], share: str) -> Seat:
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
