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

    Instead of a fraction an entry may say more: `{"exposure": "0.5"}` or an exact `{"quantity": "0.01"}` in base
    currency, and with it `"limit"` and a protective `"stop"`, both prices.
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
            return read_targets(self.targets)

    several = True
    watches = {"path": "targets"}  # noqa: RUF012 - declared ClassVar in Strategy

    def on_market_data(self, event: MarketDataEvent) -> Says:
        wanted: dict[str, Target] = self.params.wanted
        return wanted.get(event.instrument.key) or wanted.get(event.symbol)


def read_targets(text: str) -> dict[str, Target]:
    """Symbol or key -> target; an exposure is an exact fraction in [-1, 1], rounded towards zero to millionths.

    Raises ConfigError naming the entry.
    """
    try:
        content = json.loads(text, parse_float=Decimal, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'targets: expected a JSON object such as {{"BTC/USDT": "0.5"}}: {error}') from None
    if not isinstance(content, dict):
        raise ConfigError(f"targets: expected a JSON object, got {text[:40]}")
    return {name: _target(name, value, f"targets[{name!r}]") for name, value in content.items()}


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"{name!r} is named twice")
        content[name] = value
    return content


_KEYS = ("exposure", "quantity", "limit", "stop")


def _target(name: str, value: Any, what: str) -> Target:
    if not isinstance(value, dict):
        return Target(name, _ppm(value, what))
    unknown = sorted(value.keys() - set(_KEYS))
    if unknown or ("exposure" in value) == ("quantity" in value):
        raise ConfigError(
            f"{what}: expected an exposure or a quantity, and limit or stop, got {', '.join(value) or 'nothing'}"
        )
    exact = {key: _exact(value[key], f"{what}.{key}") for key in ("quantity", "limit", "stop") if key in value}
    for key in ("limit", "stop"):
        if exact.get(key, 1) <= 0:
            raise ConfigError(f"{what}.{key}: expected a price above 0, got {exact[key]}")
    ppm = _ppm(value["exposure"], what) if "exposure" in value else None
    return Target(name, ppm, exact.get("quantity"), exact.get("limit"), exact.get("stop"))


def _exact(value: Any, what: str) -> Decimal:
    try:
        return dec(value, what)
    except DataError as error:
        raise ConfigError(str(error)) from None


def _ppm(fraction: Any, what: str) -> int:
    exposure = _exact(fraction, what)
    if not -1 <= exposure <= 1:
        raise ConfigError(f"{what}: expected a fraction from -1 to 1, got {fraction}")
    return round_scaled(exposure, 6, up=exposure < 0)
