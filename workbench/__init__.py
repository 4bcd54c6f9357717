"""A Jupyter-first research-to-production workbench for crypto trading: `import workbench as wb`.

Every name is imported at its first touch, so that `import workbench` costs next to nothing and a
process that trades never loads what only research needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.core.events import (
        Bar,
        BookUpdate,
        FillEvent,
        MarketDataEvent,
        OrderEvent,
        Quote,
        Quotes,
        RiskEvent,
        SignalEvent,
        Target,
        Trade,
    )
    from workbench.core.instrument import Instrument
    from workbench.core.kernel import kernel, quotes, ring, target
    from workbench.core.ports import ExchangeConnector
    from workbench.core.strategy import Parameters, State, Strategy, hot
    from workbench.research.attach import attach, why
    from workbench.research.backtest import backtest
    from workbench.research.frames import load
    from workbench.research.launch import start_paper
    from workbench.research.paper import paper, replay
    from workbench.research.result import Result
    from workbench.research.spaces import between, latin_hypercube, random_draw
    from workbench.research.sweep import sweep
    from workbench.research.sweep_result import Sweep
    from workbench.research.validation import cross_validate, walk_forward
    from workbench.runtime.hand import Hand
    from workbench.twin.actions import Action, Where
    from workbench.twin.faults import Fault
    from workbench.twin.server import LocalExchange

__version__ = "0.1.0"

__all__ = [
    "Action",
    "Bar",
    "BookUpdate",
    "ExchangeConnector",
    "Fault",
    "FillEvent",
    "Hand",
    "Instrument",
    "LocalExchange",
    "MarketDataEvent",
    "OrderEvent",
    "Parameters",
    "Quote",
    "Quotes",
    "Result",
    "RiskEvent",
    "SignalEvent",
    "State",
    "Strategy",
    "Sweep",
    "Target",
    "Trade",
    "Where",
    "__version__",
    "attach",
    "backtest",
    "between",
    "cross_validate",
    "hot",
    "kernel",
    "latin_hypercube",
    "load",
    "paper",
    "quotes",
    "random_draw",
    "replay",
    "ring",
    "start_paper",
    "sweep",
    "target",
    "walk_forward",
    "why",
]

_HOMES = {
    "core.events": (
        "Bar BookUpdate FillEvent MarketDataEvent OrderEvent Quote Quotes RiskEvent SignalEvent Target Trade"
    ),
    "core.instrument": "Instrument",
    "core.kernel": "kernel quotes ring target",
    "core.ports": "ExchangeConnector",
    "core.strategy": "Parameters State Strategy hot",
    "research.attach": "attach why",
    "research.backtest": "backtest",
    "research.frames": "load",
    "research.launch": "start_paper",
    "research.paper": "paper replay",
    "research.result": "Result",
    "research.spaces": "between latin_hypercube random_draw",
    "research.sweep": "sweep",
    "research.sweep_result": "Sweep",
    "research.validation": "cross_validate walk_forward",
    "runtime.hand": "Hand",
    "twin.actions": "Action Where",
    "twin.faults": "Fault",
    "twin.server": "LocalExchange",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next touch is a plain look-up
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
