"""From a configuration to a run's plan on the instruments of its venues: the same on paper as live but for costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from workbench.core.errors import ConfigError, Refused
from workbench.core.instrument import Instrument
from workbench.runtime.config import Config
from workbench.runtime.paper import limits_of, profile_of, termed
from workbench.runtime.plan import Maker, Plan
from workbench.runtime.seats import Chosen, choose, maker, seated

MAX_DATA_AGE_S = Decimal(5)  # where the configuration names none: nothing is opened on data that is older
MAX_REJECTIONS = 5  # a minute and instrument, where the configuration names none: no venue is asked in a loop
DEFAULT_DATA = ("quotes", "bars:1m")  # what a draft hears that does not say: a price at once, a bar each minute


class LivePlan(msgspec.Struct, frozen=True):
    """The plan of a run on venues, how its strategies are made, and what each instrument is listened to for."""

    plan: Plan
    make: Maker
    topics: dict[str, tuple[str, ...]]  # instrument key -> trades, quotes, book:N, bars:INTERVAL


def admitted(config: Config, releases: Path) -> dict[str, Chosen]:
    """The strategies that may trade live, by id; raises ConfigError or Refused before any venue is asked."""
    if not config.live.enabled:
        raise Refused("live.enabled: live trading needs a second switch: set live: {enabled: true}")
    if config.data:
        raise ConfigError("data: a live run hears its venues; stored data is for run paper")
    return choose(config, releases, stage="live")


def live_plan(config: Config, instruments: Mapping[str, Instrument], *, releases: Path) -> LivePlan:
    """Resolves a configuration on the instruments of its venues; raises ConfigError or Refused naming the entry."""
    return _planned(config, admitted(config, releases), instruments)


def papered(config: Config, releases: Path) -> dict[str, Chosen]:
    """The strategies that may paper on venues, by id; raises ConfigError or Refused before any venue is asked."""
    if config.data:
        raise ConfigError("data: a run on venues hears them alone; it was given stored data too")
    return choose(config, releases, stage="paper")


def live_paper_plan(config: Config, instruments: Mapping[str, Instrument], *, releases: Path) -> LivePlan:
    """As `live_plan`, for a simulated venue with the costs and terms of the configuration."""
    known = {key: termed(each, config) for key, each in instruments.items()}
    ready = _planned(config, papered(config, releases), known)
    simulated = msgspec.structs.replace(ready.plan, profile=profile_of(config), simulated=True)
    return msgspec.structs.replace(ready, plan=simulated)


def _planned(config: Config, chosen: Mapping[str, Chosen], instruments: Mapping[str, Instrument]) -> LivePlan:
    seats = seated(config, chosen, instruments)
    limits = limits_of(config)
    topics: dict[str, dict[str, None]] = {}
    for each in config.strategies:
        for key in seats[each.id].instruments:
            topics.setdefault(key, {}).update(
                dict.fromkeys(_with_a_price(each.on or chosen[each.id].on or DEFAULT_DATA))
            )
    plan = Plan(
        base_currency=config.base_currency,
        instruments=tuple(instruments[key] for key in topics),
        seats=seats,
        limits=msgspec.structs.replace(
            limits,
            max_data_age_s=MAX_DATA_AGE_S if limits.max_data_age_s is None else limits.max_data_age_s,
            max_rejections_per_minute=limits.max_rejections_per_minute or MAX_REJECTIONS,
            covered_spot=True,  # the account may hold coins that are none of the run's
        ),
    )
    return LivePlan(plan, maker(chosen), {key: tuple(wanted) for key, wanted in topics.items()})


def _with_a_price(topics: Sequence[str]) -> Sequence[str]:
    """The topics, and quotes beside a book: differences of a book alone say nothing of its middle."""
    books = any(each.startswith("book") for each in topics)
    return (*topics, "quotes") if books else topics
