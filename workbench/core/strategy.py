"""The door where quants build: a strategy is parameters, state, and one method that thinks.

    class SmaCross(Strategy):
        class Parameters(Parameters, frozen=True): ...
        class State(State): ...

A strategy sees events and says where it wants to be. It knows no venue, no database, no clock and
no order; whatever it must remember lives in `state`, so that it can be saved and restored.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Protocol

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.events import FillEvent, MarketDataEvent, Opinion, SignalEvent, Target
from workbench.core.rules import PPM

Says = Opinion | SignalEvent | Sequence[Opinion] | None

_SAVED = frozenset({"id", "release", "params", "state", "_holdings", "_target"})  # what a strategy is made of

hot: dict[str, Any] = {"hot": True}  # Annotated[int, Meta(ge=1, extra=hot)]: may change in place while running


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a strategy can be told; each field typed, with a default, bounded by `Meta`."""


class State(msgspec.Struct):
    """What a strategy remembers; plain structs, numbers, texts and lists of them."""


class Holdings(Protocol):
    """What a strategy may know of its own book."""

    def quantity(self, strategy_id: str, symbol: str) -> Decimal:
        """The signed quantity held, in base currency or contracts."""

    def entry_price(self, strategy_id: str, symbol: str) -> Decimal | None:
        """The average price of the open quantity; None when flat."""


class Strategy(ABC):
    """Receives market data and fills, says targets or quotes.

    Construct it with parameters by name: `SmaCross(fast=20, slow=50)`. Raises ConfigError for a
    parameter that does not exist, has the wrong type or is out of bounds.
    """

    Parameters: ClassVar[type[Parameters]] = Parameters
    State: ClassVar[type[State]] = State
    several: ClassVar[bool] = False  # True: it keeps apart what it hears of several instruments
    watches: ClassVar[Mapping[str, str]] = {}  # parameter that names a file -> parameter its content feeds

    def __init__(self, **parameters: Any) -> None:
        self.id = type(self).__name__
        self.release = ""  # the id of the release it was loaded from
        self._holdings: Holdings | None = None
        self._target: tuple[str, float, Target | None] = ("", 0.0, None)  # the last that was plain
        self.params: Any = self._checked(parameters)
        self.state: Any = self.new_state()

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_parameters().items())
        return f"{type(self).__name__}({given})"

    @abstractmethod
    def on_market_data(self, event: MarketDataEvent) -> Says:
        """Thinks about one event; returns what it wants now, or None for no opinion."""

    def on_fill(self, event: FillEvent) -> None:  # noqa: B027 - most strategies have nothing to learn from fills
        """Hears of its own fill, after it is booked."""

    def new_state(self) -> Any:
        """The state before the first event, for the parameters in force."""
        return self.State()

    def warmup(self) -> int:
        """How many events rebuild the state after a parameter change; 0 if it cannot be rebuilt."""
        return 0

    def get_parameters(self) -> dict[str, Any]:
        """The parameters in force, by name."""
        return msgspec.structs.asdict(self.params)

    def set_parameters(self, params: Mapping[str, Any]) -> None:
        """Changes parameters by name; all of them or, with a ConfigError, none.

        State built for the old value of a parameter that is not hot starts anew; the engine feeds
        it `warmup()` events of the past.
        """
        changed = self._checked(self.get_parameters() | dict(params))
        rebuild = [name for name in self.cold() if getattr(changed, name) != getattr(self.params, name)]
        self.params = changed
        if rebuild:
            self.state = self.new_state()

    def cold(self) -> list[str]:
        """The names of the parameters that cannot change without rebuilding the state."""
        info = msgspec.inspect.type_info(self.Parameters)
        assert isinstance(info, msgspec.inspect.StructType)
        return [field.name for field in info.fields if not _is_hot(field.type)]

    def get_state(self) -> dict[str, Any]:
        """The state as plain values that `set_state` and JSON understand."""
        plain: dict[str, Any] = msgspec.to_builtins(self.state)
        return plain

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes a saved state back; raises ConfigError where it does not fit this strategy."""
        try:
            self.state = msgspec.convert(dict(state), type(self.state))
        except msgspec.ValidationError as error:
            raise ConfigError(f"strategy {self.id}: saved state does not fit: {error}") from None

    def unsaved(self) -> list[str]:
        """Attributes of its own that `get_state` does not tell of: what they hold cannot be taken back."""
        if type(self).get_state is not Strategy.get_state:
            return []
        return sorted(vars(self).keys() - _SAVED)

    def attach(self, strategy_id: str, holdings: Holdings) -> None:
        """Names the strategy in its run and lets it see its own book."""
        self.id, self._holdings = strategy_id, holdings

    def position(self, symbol: str) -> Decimal:
        """What this strategy holds of `symbol`; 0 outside a run."""
        return self._holdings.quantity(self.id, symbol) if self._holdings else Decimal(0)

    def entry_price(self, symbol: str) -> Decimal | None:
        """The average price of what it holds; None when flat."""
        return self._holdings.entry_price(self.id, symbol) if self._holdings else None

    def target(
        self,
        event: MarketDataEvent,
        exposure: float,
        *,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
        valid_until: int | None = None,
    ) -> Target:
        """A target exposure in [-1, 1] of the budget for the event's symbol."""
        if limit is None and stop is None and valid_until is None:
            symbol, last, target = self._target
            if target is None or exposure != last or event.instrument.symbol != symbol:
                symbol = event.instrument.symbol
                target = Target(symbol, ppm_of(exposure))
                self._target = (symbol, exposure, target)
            return target  # the same opinion is the same object: cheap to recognise
        return Target(event.symbol, ppm_of(exposure), None, limit, stop, valid_until)

    def _checked(self, parameters: Mapping[str, Any]) -> Any:
        known = [field.name for field in msgspec.structs.fields(self.Parameters)]
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise ConfigError(
                f"strategy {type(self).__name__}: unknown parameter {unknown[0]!r}; it has {', '.join(known) or 'none'}"
            )
        try:
            return msgspec.convert(dict(parameters), self.Parameters)
        except (msgspec.ValidationError, ValueError) as error:
            raise ConfigError(f"strategy {type(self).__name__}: {error}") from None


def ppm_of(exposure: float) -> int:
    """An exposure in [-1, 1] as whole millionths; raises ConfigError outside of that."""
    if not -1.0 <= exposure <= 1.0:
        raise ConfigError(f"exposure: expected a number from -1 to 1, got {exposure}")
    return math.floor(exposure * PPM + 0.5)


def _is_hot(kind: Any) -> bool:
    return isinstance(kind, msgspec.inspect.Metadata) and bool((kind.extra or {}).get("hot"))
