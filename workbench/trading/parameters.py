"""Changing a living strategy's parameters: whole or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from workbench.core.errors import ConfigError
from workbench.trading.portfolio import Trader
from workbench.trading.speech import in_words


def change(trader: Trader, values: Mapping[str, Any]) -> None:
    """Changes parameters whole; what is not hot rebuilds the state from remembered events, or is refused.

    Raises ConfigError, and then nothing has changed.
    """
    strategy, strategy_id = trader.strategy, trader.account.strategy_id
    before = strategy.params, strategy.state
    try:
        strategy.set_parameters(values)
        if strategy.state is not before[1]:
            _rebuild(trader, values)
    except (Exception, SystemExit) as error:  # a strategy is a stranger's code; its fault must not stop the others
        strategy.params, strategy.state = before
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"strategy {strategy_id}: {in_words(error)}") from None


def _rebuild(trader: Trader, values: Mapping[str, Any]) -> None:
    strategy = trader.strategy
    kept = trader.remembered if trader.remembered is not None else deque(maxlen=0)
    needed = strategy.warmup()
    if needed == 0 or (needed > len(kept) and len(kept) == kept.maxlen):
        raise ConfigError(
            f"strategy {trader.account.strategy_id}: {', '.join(sorted(values))} needs {needed or 'more'} past "
            f"events to rebuild its state, {len(kept)} are kept; restart it with the new parameters"
        )
    for event in list(kept)[-needed:]:
        strategy.on_market_data(event)
