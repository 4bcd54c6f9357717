"""A kernel with its parameters, as the strategy that every engine knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.events import FillEvent, MarketDataEvent, Opinion, Quotes, Target
from workbench.core.instrument import Instrument
from workbench.core.kernel_says import NOTHING, QUOTES, TARGET, Said, bad_exposure
from workbench.core.kernel_state import lengths, new_state, schema
from workbench.core.kernel_views import EVENTS, FLAT, LastFill, Market, Own, Raws, entry_price_of
from workbench.core.money import to_decimal, to_scaled
from workbench.core.strategy import Says, State, Strategy

if TYPE_CHECKING:
    from workbench.core.kernel_state import Part


class Step(Protocol):
    """One way of running a kernel over its state: plain Python, or machine code; the results are the same."""

    def fresh(self, parameters: Any) -> Any:
        """The state before the first event, in the form this step works on."""

    def take(self, raws: Raws, market: Market, own: Own, parameters: Any, state: Any) -> Said:
        """Thinks about one event; changes the state, returns what the kernel said."""

    def plain(self, state: Any) -> dict[str, Any]:
        """The state as plain values by name."""

    def taken(self, plain: Mapping[str, Any], parameters: Any) -> Any:
        """A state from plain values; raises msgspec.ValidationError or ValueError where they do not fit."""


class Declared(Protocol):
    """What a kernel tells of itself to those who run it."""

    event: str
    inputs: tuple[str, ...]
    blueprint: dict[str, Part]
    State: type[State]

    def run(self, view: Any, state: Any, own: tuple[Any, ...], parameters: msgspec.Struct) -> Said:
        """What the function says to one event."""


class PlainStep:
    """Runs the kernel's function as Python."""

    def __init__(self, kernel: Declared) -> None:
        self._kernel = kernel
        self._view = EVENTS[kernel.event].view
        self._inputs = kernel.inputs

    def fresh(self, parameters: Any) -> Any:
        return new_state(self._kernel.State, self._kernel.blueprint, parameters)

    def take(self, raws: Raws, market: Market, own: Own, parameters: Any, state: Any) -> Said:
        inputs = tuple(market if name == "market" else getattr(own, name) for name in self._inputs)
        return self._kernel.run(self._view(*raws, market), state, inputs, parameters)

    def plain(self, state: Any) -> dict[str, Any]:
        told: dict[str, Any] = msgspec.to_builtins(state)
        return told

    def taken(self, plain: Mapping[str, Any], parameters: Any) -> Any:
        fresh = self.plain(self.fresh(parameters))
        state = msgspec.convert(dict(plain), self._kernel.State)
        if lengths(plain) != lengths(fresh):
            raise ValueError("its rings have other lengths than these parameters ask for")
        return state


class KernelStrategy(Strategy):
    """Runs a kernel: `sma_cross(fast=20, slow=50)` is one.

    `step` runs plain Python until machine code takes its place; what it says and remembers is the same.
    """

    kernel: ClassVar[Any]

    def __init__(self, **parameters: Any) -> None:
        self.step: Step = PlainStep(self.kernel)
        self.last_fill = LastFill()
        self._hears = EVENTS[self.kernel.event].readers
        self._reads_own = bool(self.kernel.reads - {"market"})
        self._instrument: Instrument | None = None
        self._said: Said = NOTHING
        self._opinion: Opinion | None = None
        super().__init__(**parameters)

    def run_with(self, step: Step) -> None:
        """Goes on with another step, where the one before stands."""
        state = step.taken(self.step.plain(self.state), self.params)
        self.step, self.state = step, state

    def new_state(self) -> Any:
        return self.step.fresh(self.params)

    def warmup(self) -> int:
        return int(self.kernel.warm(self.params))

    def cold(self) -> list[str]:
        return super().cold() if self.kernel.blueprint else []  # nothing remembered, nothing to rebuild

    def on_fill(self, event: FillEvent) -> None:
        signed = event.quantity_raw * event.side.sign
        self.last_fill = LastFill(self.last_fill.number + 1, event.price_raw, signed, event.ts_event)

    def on_market_data(self, event: MarketDataEvent) -> Says:
        read = self._hears.get(type(event))
        raws = read(event) if read is not None else None
        if raws is None:
            return None
        if event.instrument is not self._instrument:
            self._meet(event.instrument)
        own = self._own(event.instrument) if self._reads_own else FLAT
        said = self.step.take(raws, self._market, own, self.params, self.state)
        if said != self._said:
            self._opinion = self._in_words(said, event.instrument)
            self._said = said
        return self._opinion  # the same opinion is the same object: cheap to recognise

    def get_state(self) -> dict[str, Any]:
        """The state, the last fill, and the schema that they belong to, as plain values."""
        return {
            "schema": schema(self.kernel.State),
            "state": self.step.plain(self.state),
            "last_fill": msgspec.to_builtins(self.last_fill),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes a saved state back; raises ConfigError where it is another kernel's, or of other sizes."""
        expected = schema(self.kernel.State)
        if state.get("schema") != expected:
            raise ConfigError(
                f"strategy {self.id}: saved state has schema {state.get('schema')}, this kernel's is {expected}"
            )
        try:
            fill = msgspec.convert(state["last_fill"], LastFill)
            taken = self.step.taken(state["state"], self.params)
        except (KeyError, ValueError) as error:  # ValidationError is a ValueError
            raise ConfigError(f"strategy {self.id}: saved state does not fit: {error}") from None
        self.state, self.last_fill = taken, fill

    def _meet(self, instrument: Instrument) -> None:
        self._instrument, self._market = instrument, Market.of(instrument)
        self._said, self._opinion = NOTHING, None

    def _own(self, instrument: Instrument) -> Own:
        reads = self.kernel.reads
        position, entry = 0, FLAT.entry_price
        if "position" in reads:
            position = to_scaled(self.position(instrument.symbol), instrument.quantity_places)
        if "entry_price" in reads:
            average = self.entry_price(instrument.symbol)
            if average is not None:
                entry = entry_price_of(to_scaled(average, instrument.price_places + 8), instrument.price_places)
        return Own(position, entry, self.last_fill)

    def _in_words(self, said: Said, instrument: Instrument) -> Opinion | None:
        kind, first, second, third, fourth = said
        if kind == TARGET:
            limit, stop = _price(second, instrument, "limit"), _price(third, instrument, "stop")
            return Target(instrument.symbol, first, None, limit, stop, fourth or None)
        if kind == QUOTES:
            bids = _level("bid", first, second, instrument)
            return Quotes(instrument.symbol, bids, _level("ask", third, fourth, instrument))
        if kind < 0:
            raise ConfigError(bad_exposure(self.kernel.name, first))
        return None


def _price(raw: int, instrument: Instrument, what: str) -> Any:
    if raw < 0:
        raise ConfigError(f"{what}: expected a raw price above 0, or 0 for none, got {raw}")
    return to_decimal(raw, instrument.price_places) if raw else None


def _level(what: str, price: int, size: int, instrument: Instrument) -> Any:
    if size < 0 or (size and price <= 0):
        raise ConfigError(f"{what}: expected a raw price above 0 and a size from 0 on, got {price} and {size}")
    return ((to_decimal(price, instrument.price_places), to_decimal(size, instrument.quantity_places)),) if size else ()
