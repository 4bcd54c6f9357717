"""A strategy that says what a test tells it to."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from workbench.core import strategy
from workbench.core.events import MarketDataEvent, Opinion, Quotes, Target
from workbench.core.strategy import Says, Strategy, hot


class Scripted(Strategy):
    """Repeats the opinions of its script at every event, one for each symbol.

    `script` is a JSON list of objects with the fields of `Target` or `Quotes`, amounts as text; `at` names another
    symbol whose events make it speak. A test changes it by `SetParameters`, so that the journal tells what was said and
    a replay says it again.
    """

    class Parameters(strategy.Parameters, frozen=True, dict=True):
        script: Annotated[str, Meta(max_length=100_000, extra=hot)] = "[]"

        @cached_property
        def opinions(self) -> dict[str, Opinion]:
            return {each.get("at", each["symbol"]): _opinion(each) for each in json.loads(self.script)}

    several = True

    def on_market_data(self, event: MarketDataEvent) -> Says:
        opinions: dict[str, Opinion] = self.params.opinions
        return opinions.get(event.instrument.key) or opinions.get(event.symbol)


def _opinion(said: dict[str, Any]) -> Opinion:
    return msgspec.convert(said, Quotes if {"bids", "asks"} & said.keys() else Target)
