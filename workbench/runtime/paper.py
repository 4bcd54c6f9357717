"""From a configuration to a paper run: which strategies, on which data, with what money and limits."""

from __future__ import annotations

from pathlib import Path

import msgspec

from workbench.connectors.profile import Profile
from workbench.core.clock import parse_instant
from workbench.core.errors import ConfigError
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.money import to_scaled
from workbench.data.dataset import Dataset
from workbench.data.lake import Lake
from workbench.risk.limits import Limits
from workbench.runtime.build import data_range, instruments_of, one_series_each, span_of
from workbench.runtime.config import Config
from workbench.runtime.plan import Maker, Plan
from workbench.runtime.seats import choose, maker, seated

SLOWEST = 1e-6  # a bar of one minute would take two years


def limits_of(config: Config) -> Limits:
    """The risk limits that a configuration names."""
    risk = config.risk
    return Limits(
        max_order_notional=risk.max_order_notional,
        max_position_notional=risk.max_position_notional,
        max_orders_per_minute=risk.max_orders_per_minute,
        max_rejections_per_minute=risk.max_rejections_per_minute,
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
    chosen = choose(config, releases, stage="paper")  # before the data is opened: what is refused leaves nothing behind
    if not config.data:
        raise ConfigError(
            "data: a paper run needs stored data to play back, or venues with market data of their own; "
            "name a dataset, or a connector such as ccxt under venues"
        )
    speed = config.data[0].speed
    if 0 < speed < SLOWEST:
        raise ConfigError(f"data.speed: expected 0 (at once) or at least {SLOWEST} times real time, got {speed}")
    opened = [with_terms(lake.open(each.dataset), config) for each in config.data]
    one_series_each(opened)
    ranges = []
    for each, dataset in zip(config.data, opened, strict=True):
        start, end = span_of(dataset, opened)
        start = start if each.start is None else parse_instant(each.start, "data.start")
        end = end if each.end is None else parse_instant(each.end, "data.end")
        ranges.append(data_range(dataset, start, end))
    datasets = {dataset.id: dataset for dataset in opened}
    instruments = {each.key: each for each in instruments_of(opened)}
    seats = seated(config, chosen, instruments)
    plan = Plan(
        base_currency=config.base_currency,
        instruments=tuple(instruments.values()),
        seats=seats,
        data=tuple(ranges),
        limits=limits_of(config),
        profile=profile_of(config),
    )
    return PaperPlan(plan, datasets, maker(chosen), speed)


def with_terms(dataset: Dataset, config: Config) -> Dataset:
    """The dataset with the instrument terms that the configuration sets for it, where it does."""
    changed = termed(dataset.instrument, config)
    return dataset if changed is dataset.instrument else msgspec.structs.replace(dataset, instrument=changed)


def termed(instrument: Instrument, config: Config) -> Instrument:
    """The instrument with the terms that the configuration sets for it, where it does."""
    venue = config.venues.get(instrument.account_key)
    terms = venue.instruments.get(instrument.symbol) if venue else None
    if terms is None:
        return instrument
    return Instrument(
        venue=instrument.venue,
        account=instrument.account,
        symbol=instrument.symbol,
        price_places=instrument.price_places,
        quantity_places=instrument.quantity_places,
        fee_currency=FeeCurrency(terms.fee_currency),
        fee_places=instrument.fee_places,
        max_leverage=instrument.max_leverage,
        maintenance=instrument.maintenance,
        tiers=instrument.tiers,
        amendable=instrument.amendable,
        **{name: getattr(terms, name) for name in ("tick", "lot", "min_quantity", "min_notional", "contract_size")},
    )
