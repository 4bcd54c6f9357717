"""Targets set by hand, or by an outside program, through a small file."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any

from msgspec import Meta

from workbench.core import strategy
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import MarketDataEvent, Target
from workbench.core.money import dec, round_scaled
from workbench.core.strategy import Says, Strategy, hot


class ManualTarget(Strategy):
    """Holds the exposure fractions that a JSON object names, such as `{"BTC/USDT": "0.5"}`.

    `path` names the file that holds the object; each change of it enters the run as a journalled
    command that sets `targets`. A name is a symbol or, where a run trades it on several venues, a key
    such as `binance:BTC/USDT`. What is not named is left alone.
    """

    class Parameters(strategy.Parameters, frozen=True, dict=True):
        path: str = ""
        targets: Annotated[str, Meta(max_length=100_000, extra=hot)] = "{}"

        def __post_init__(self) -> None:
            assert isinstance(self.wanted, dict)  # bad content is refused here, before it is in force

        @cached_property
        def wanted(self) -> dict[str, Target]:
            return {name: Target(name, ppm) for name, ppm in read_targets(self.targets).items()}

    several = True
    watches = {"path": "targets"}  # noqa: RUF012 - declared ClassVar in Strategy

    def on_market_data(self, event: MarketDataEvent) -> Says:
        wanted: dict[str, Target] = self.params.wanted
        return wanted.get(event.instrument.key) or wanted.get(event.symbol)


def read_targets(text: str) -> dict[str, int]:
    """Symbol or key -> ppm, rounded towards zero, of an object of exact fractions in [-1, 1].

    Raises ConfigError naming the entry.
    """
    try:
        content = json.loads(text, parse_float=Decimal, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'targets: expected a JSON object such as {{"BTC/USDT": "0.5"}}: {error}') from None
    if not isinstance(content, dict):
        raise ConfigError(f"targets: expected a JSON object, got {text[:40]}")
    return {name: _ppm(fraction, f"targets[{name!r}]") for name, fraction in content.items()}


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"{name!r} is named twice")
        content[name] = value
    return content


def _ppm(fraction: Any, what: str) -> int:
    try:
        exposure = dec(fraction, what)
    except DataError as error:
        raise ConfigError(str(error)) from None
    if not -1 <= exposure <= 1:
        raise ConfigError(f"{what}: expected a fraction from -1 to 1, got {fraction}")
    return round_scaled(exposure, 6, up=exposure < 0)
