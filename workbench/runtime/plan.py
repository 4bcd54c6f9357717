"""The plan of a run: everything that decides what it will do, and its place in the journal's first record."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from workbench.connectors.profile import Profile
from workbench.core.codec import encode, text
from workbench.core.errors import ConfigError
from workbench.core.events import RunStarted
from workbench.core.instrument import Instrument
from workbench.core.kernel import Kernel
from workbench.core.strategy import Strategy
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.runtime.kernels import in_machine_code
from workbench.runtime.source import source_hash
from workbench.trading.engine import Engine


class DataRange(msgspec.Struct, frozen=True, kw_only=True):
    """Rows `first` to `last` (both included) of a stored dataset."""

    dataset: str
    sha256: str
    first: int
    last: int


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's place in a run: `entry` is `module:name`, `source` the hash of its source closure."""

    entry: str
    parameters: dict[str, Any]
    instruments: tuple[str, ...]
    cash: str
    budget: Budget = Budget()
    source: str = ""
    release: str = ""


_SETTINGS = ("data", "limits", "profile", "simulated")  # the last only where it is true, as in the first journals


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is run, on what, with what money, under which limits and costs."""

    base_currency: str
    instruments: tuple[Instrument, ...]
    seats: dict[str, Seat]
    data: tuple[DataRange, ...] = ()
    limits: Limits = Limits()
    profile: Profile = Profile()
    simulated: bool = False  # whether what its venues were asked for is only simulated, on their living data

    def run_id(self) -> str:
        """The hash of all inputs: the identity of a backtest."""
        return hashlib.sha256(encode(self.started("", 0))).hexdigest()[:32]

    def started(self, run_id: str, ts: int, *, when: str = "") -> RunStarted:
        """The first record of the run's journal."""
        return RunStarted(
            "run",
            0,
            ts,
            ts,
            run_id=run_id,
            base_currency=self.base_currency,
            instruments=self.instruments,
            cash={name: seat.cash for name, seat in self.seats.items()},
            strategies={
                name: {field: text(value) for field, value in msgspec.structs.asdict(seat).items() if field != "cash"}
                for name, seat in self.seats.items()
            },
            settings={name: text(getattr(self, name)) for name in _SETTINGS if name != "simulated" or self.simulated},
            started=when,
        )

    @classmethod
    def of(cls, started: RunStarted) -> Plan:
        """The plan that a journal's first record tells."""
        return cls(
            base_currency=started.base_currency,
            instruments=started.instruments,
            seats={
                name: Seat(
                    cash=started.cash[name],
                    **{field: _read(value, Seat, field) for field, value in written.items()},
                )
                for name, written in started.strategies.items()
            },
            **{name: _read(started.settings[name], cls, name) for name in _SETTINGS if name in started.settings},
        )


def _read(written: str, kind: type[msgspec.Struct], field: str) -> Any:
    info = {each.name: each.type for each in msgspec.structs.fields(kind)}
    return msgspec.json.decode(written, type=info[field], strict=False)


Maker = Callable[[str, Seat], Strategy]


def engine_of(started: RunStarted, make: Maker) -> Engine:
    """A fresh engine for a journal's first record; `make` makes each strategy for its seat."""
    plan = Plan.of(started)
    engine = Engine(started, limits=plan.limits, budgets={name: seat.budget for name, seat in plan.seats.items()})
    for name, seat in sorted(plan.seats.items()):  # the order a journal tells, whatever order they were named in
        engine.add(name, in_machine_code(make(name, seat)), seat.instruments)
    return engine


def strategy_class(entry: str) -> type[Strategy]:
    """The strategy class that `module:name` names, a kernel's too; raises ConfigError saying what is missing."""
    module_name, _, name = entry.partition(":")
    if not (module_name.strip(".") and name) or module_name.startswith("."):
        raise ConfigError(f"strategy {entry!r}: expected module:name, such as workbench.strategies.sma_cross:SmaCross")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"strategy {entry!r}: no module {error.name!r}") from None
    found: Any = getattr(module, name, None)
    if isinstance(found, Kernel):
        return found.strategy
    if not _is_whole_strategy(found):
        offered = sorted(
            each
            for each, value in vars(module).items()
            if (_is_whole_strategy(value) or isinstance(value, Kernel)) and value.__module__ == module.__name__
        )
        raise ConfigError(f"strategy {entry!r}: {module_name} offers {', '.join(offered) or 'no strategy'}")
    kind: type[Strategy] = found
    return kind


def _is_whole_strategy(found: object) -> bool:
    return inspect.isclass(found) and issubclass(found, Strategy) and not inspect.isabstract(found)


def from_entry(_: str, seat: Seat) -> Strategy:
    """Makes a seat's strategy from its entry; raises ConfigError where the source has changed since."""
    kind = strategy_class(seat.entry)
    if seat.source and source_hash(kind) != seat.source:
        raise ConfigError(f"strategy {seat.entry}: its source is not the one this run started with")
    return kind(**seat.parameters)


def seat_of(strategy: Strategy, *, instruments: tuple[str, ...], cash: str, budget: Budget = Budget()) -> Seat:  # noqa: B008 - frozen
    """The seat of a strategy object."""
    kind = type(strategy)
    return Seat(
        entry=f"{kind.__module__}:{kind.__qualname__}",
        parameters=msgspec.to_builtins(strategy.get_parameters()),
        instruments=instruments,
        cash=cash,
        budget=budget,
        source="" if strategy.release else source_hash(kind),  # a release's id covers its source
        release=strategy.release,
    )


def made_of(strategies: Mapping[str, Strategy]) -> Maker:
    """Seats copies of strategy objects, fresh, so that one object can be run again and again."""
    return lambda name, seat: type(strategies[name])(**seat.parameters)
