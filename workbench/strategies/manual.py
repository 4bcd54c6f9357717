"""Targets set by hand, or by an outside program, through a small file."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta

from workbench.core import strategy
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import MarketDataEvent, Target
from workbench.core.money import dec, round_scaled
from workbench.core.rules import PPM
from workbench.core.strategy import Says, Strategy, hot


class ManualTarget(Strategy):
    """Holds the exposure fractions that a JSON object names, such as `{"BTC/USDT": "0.5"}`.

    `path` names the file that holds the object; each change of it enters the run as a journalled
    command that sets `targets`. A symbol that is not named is left alone.
    """

    class Parameters(strategy.Parameters, frozen=True):
        path: str = ""
        targets: Annotated[str, Meta(max_length=100_000, extra=hot)] = "{}"

        def __post_init__(self) -> None:
            read_targets(self.targets)

    watches = {"path": "targets"}  # noqa: RUF012 - declared ClassVar in Strategy

    def on_market_data(self, event: MarketDataEvent) -> Says:
        ppm = self._wanted().get(event.symbol)
        return None if ppm is None else Target(event.symbol, ppm)

    def _wanted(self) -> dict[str, int]:
        if getattr(self, "_read", (None,))[0] != self.params.targets:
            self._read: Any = (self.params.targets, read_targets(self.params.targets))
        wanted: dict[str, int] = self._read[1]
        return wanted


def read_targets(text: str) -> dict[str, int]:
    """Symbol -> ppm of an object of exact fractions in [-1, 1]; raises ConfigError naming the entry."""
    try:
        content = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise ConfigError(f'targets: expected a JSON object such as {{"BTC/USDT": "0.5"}}: {error}') from None
    if not isinstance(content, dict):
        raise ConfigError(f"targets: expected a JSON object, got {text[:40]}")
    targets = {}
    for symbol, fraction in content.items():
        try:
            exposure = dec(fraction, f"targets[{symbol!r}]")
        except DataError as error:
            raise ConfigError(str(error)) from None
        if not -1 <= exposure <= 1:
            raise ConfigError(f"targets[{symbol!r}]: expected a fraction from -1 to 1, got {fraction}")
        targets[symbol] = round_scaled(exposure, 6, up=False)
    assert all(abs(ppm) <= PPM for ppm in targets.values())
    return targets
