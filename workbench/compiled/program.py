"""A program: one kernel on one dataset with its money, costs and limits, ready to be run with any parameters."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from workbench.compiled import engine_state as at
from workbench.compiled.driver import BAD, COLUMNS, FULL, driver_of
from workbench.compiled.engine import engine_address
from workbench.compiled.engine_driving import LEAST, MOST, ROOM_BITS, inverse_of
from workbench.compiled.engine_log import FACTS, ROOM, SILENT, WIDTH
from workbench.compiled.trace import Trace
from workbench.compiled.trace_words import Words
from workbench.connectors.profile import Profile
from workbench.core.errors import ConfigError, DataError
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.kernel import Kernel
from workbench.core.kernel_says import bad_exposure
from workbench.core.money import to_scaled
from workbench.data.dataset import BARS, QUOTES, TRADES, Dataset
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits

_HEARS = {"bar": BARS, "trade": TRADES, "quote": QUOTES, "top": QUOTES}
_CHUNK = 65_536  # rows of the log between two visits of Python: a few megabytes
_LARGEST = 2**62

Scratch = tuple[np.ndarray, np.ndarray]


class Program:
    """A kernel on rows [first, last) of a dataset (which it must hear: bars for `bar`, and so on).

    `cash` is in quote currency, exact. `driver` is the kernel's `Driver`; `arguments` makes what it is called with.
    Raises ConfigError, naming `--engine event`, for what the compiled engine does not do or cannot hold in 64 bits.
    """

    def __init__(
        self,
        kernel: Kernel,
        dataset: Dataset,
        *,
        cash: Decimal,
        profile: Profile,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        budget: Budget = Budget(),  # noqa: B008 - frozen
        first: int = 0,
        last: int | None = None,
        instrument: Instrument | None = None,
    ) -> None:
        self.kernel, self.dataset = kernel, dataset
        self.instrument = instrument or dataset.instrument
        self.profile, self.limits, self.budget = profile, limits, budget
        self.first, self.last = first, dataset.rows if last is None else last
        if not self.instrument.is_spot:
            raise ConfigError(f"{self.instrument.key}: perpetuals are not compiled yet; run it with --engine event")
        if _HEARS[kernel.event] != dataset.kind:
            raise ConfigError(
                f"kernel {kernel.name} hears {_HEARS[kernel.event]}, {dataset.id} holds {dataset.kind}; "
                "run it with --engine event"
            )
        self.cash = to_scaled(cash, self.instrument.cash_places, "cash")
        self._columns = [_column(dataset, name) for name in ("time", *COLUMNS[kernel.event])]
        self._book = self._written()
        self.driver = driver_of(kernel)

    @property
    def rows(self) -> int:
        """How many events a run hears."""
        return self.last - self.first

    @property
    def times(self) -> np.ndarray:
        """When each event is known, int64 UTC ns: of a bar its close."""
        known: np.ndarray = self.dataset.times[self.first : self.last] + self.dataset.interval_ns
        return known

    def scratch(self) -> Scratch:
        """A book and an empty log, to be used by one run at a time and then again."""
        return self._book.copy(), np.empty((0, WIDTH), dtype=np.int64)

    def arguments(
        self,
        parameters: msgspec.Struct,
        scratch: Scratch,
        *,
        equity: np.ndarray,
        worth: np.ndarray,
        level: int = SILENT,
    ) -> tuple[Any, ...]:
        """What `driver.run` is called with, for a fresh run over all rows; what `scratch` held is forgotten.

        `equity` and `worth` are int64, one entry an event or empty. `level` is what the log holds: SILENT, TRADES
        or FACTS; a log that is not silent has more than ROOM rows.
        """
        book, log = scratch
        np.copyto(book, self._book)
        book[at.LOGGING] = level
        scalars, arrays = self.driver.step.initial(parameters)
        given = msgspec.structs.astuple(parameters)
        span = (engine_address(), self.dataset.interval_ns, self.first, self.last)
        return (*self._columns, *span, book, log, equity, worth, *given, *scalars, *arrays)

    def run(self, parameters: msgspec.Struct) -> Trace:
        """One run with all written down; raises what the kernel raises, ConfigError for figures beyond 64 bits."""
        book = self._book.copy()
        log = np.empty((_CHUNK + ROOM, WIDTH), dtype=np.int64)
        equity, worth = np.empty(self.rows, dtype=np.int64), np.empty(self.rows, dtype=np.int64)
        arguments = self.arguments(parameters, (book, log), equity=equity, worth=worth, level=FACTS)
        written: list[np.ndarray] = []
        self.drive(arguments, (book, log), lambda rows: written.append(rows.copy()))
        words = Words(self.instrument, self.limits, self.budget)
        return Trace(self.instrument, words, np.concatenate(written), equity, worth, book)

    def drive(self, arguments: tuple[Any, ...], scratch: Scratch, take: Callable[[np.ndarray], None]) -> None:
        """Runs to the end; `take` sees the rows of the log whenever it is full, and at the end; raises like `run`."""
        book, log = scratch
        first_at = len(self._columns) + 2  # after the columns, the engine and the interval
        scalars_at = len(arguments) - len(self.driver.step.scalars) - len(self.driver.step.arrays)
        code = FULL
        while code == FULL:
            try:
                code, row, *scalars = self.driver.run(*arguments)
            except OverflowError as error:
                raise self.beyond(error, book) from None
            take(log[: book[at.LOGGED]])
            book[at.LOGGED] = 0
            rest = arguments[scalars_at + len(scalars) :]
            arguments = (*arguments[:first_at], row, *arguments[first_at + 1 : scalars_at], *scalars, *rest)
        if code == BAD:
            raise self.refused(book)

    def beyond(self, error: OverflowError, book: np.ndarray) -> ConfigError:
        """What a figure that 64 bits cannot hold is told as."""
        figures = {name: int(book[place]) for name, place in _FIGURES.items()}
        told = ", ".join(f"{name} {figure}" for name, figure in figures.items())
        return ConfigError(
            f"{self.dataset.id} near row {int(book[at.ROW])}: {error} ({told}, in the smallest units); "
            "run it with --engine event, which holds any figure"
        )

    def refused(self, book: np.ndarray) -> ConfigError:
        """What an opinion that means nothing is told as."""
        kind, a, b, c, d = (int(book[place]) for place in range(at.SAID, at.SAID_D + 1))
        if kind < 0:
            return ConfigError(bad_exposure(self.kernel.name, a))
        if kind == at.TARGET:
            what, raw = ("limit", b) if b < 0 else ("stop", c)
            return ConfigError(f"{what}: expected a raw price above 0, or 0 for none, got {raw}")
        side, price, size = ("bid", a, b) if b < 0 or (b and a <= 0) else ("ask", c, d)
        return ConfigError(f"{side}: expected a raw price above 0 and a size from 0 on, got {price} and {size}")

    def _written(self) -> np.ndarray:
        """The book before the first event."""
        kept = self.limits.max_orders_per_minute or 0
        if kept > at.MAX_RATE_LIMIT:
            raise ConfigError(f"risk.max_orders_per_minute: {kept} is beyond the compiled engine; use --engine event")
        book = np.zeros(at.RECENT + kept, dtype=np.int64)
        for name, value in (self._terms() | self._limits() | self._start()).items():
            if not -_LARGEST <= value <= _LARGEST and value not in (MOST, LEAST):
                raise ConfigError(f"{name.lower()} {value} does not fit 64 bits; run it with --engine event")
            book[getattr(at, name)] = value
        return book

    def _terms(self) -> dict[str, int]:
        terms, profile = self.instrument.terms(self.instrument.cash_places), self.profile
        return {
            **{name.upper(): value for name, value in msgspec.structs.asdict(terms).items()},
            "AMENDABLE": self.instrument.amendable,
            "FEE_IN_BASE": self.instrument.fee_currency is FeeCurrency.RECEIVED,
            "MAKER_RATE": profile.maker_rate,
            "TAKER_RATE": profile.taker_rate,
            "SLIPPAGE_RATE": profile.slippage_rate,
            "LATENCY": profile.latency_ns,
            "VOLUME_SHARE": profile.volume_share,
            "PRICE_UNIT": 10**self.instrument.price_places,
            "QUANTITY_UNIT": 10**self.instrument.quantity_places,
        }

    def _limits(self) -> dict[str, int]:
        limits, budget, places = self.limits, self.budget, self.instrument.cash_places
        allowed = limits.allowed_symbols is None or self.instrument.key in limits.allowed_symbols

        def counted(value: int | None) -> int:
            return at.NONE if value is None else min(value, _LARGEST)  # nothing that is held against it is larger

        def scaled(value: Decimal | None, finest: int, what: str) -> int:
            return counted(None if value is None else to_scaled(value, finest, what))

        return {
            "ALLOWED": allowed,
            "MAX_DATA_AGE": scaled(limits.max_data_age_s, 9, "risk.max_data_age_s"),
            "MAX_ORDER_NOTIONAL": scaled(limits.max_order_notional, places, "risk.max_order_notional"),
            "MAX_POSITION_NOTIONAL": scaled(limits.max_position_notional, places, "risk.max_position_notional"),
            "PRICE_COLLAR": scaled(limits.price_collar, 6, "risk.price_collar"),
            "COVERED_SPOT": bool(limits.covered_spot),
            "MAX_REJECTIONS": counted(limits.max_rejections_per_minute),
            "MAX_ORDERS": counted(limits.max_orders_per_minute),
            "CAP": counted(budget.cap(places)),
            "MAX_DRAWDOWN": counted(budget.drawdown_ppm()),
            "REBALANCE_BAND": counted(budget.band_ppm()),
            "PORTFOLIO_DRAWDOWN": scaled(limits.max_drawdown, 6, "risk.max_drawdown"),
        }

    def _start(self) -> dict[str, int]:
        none = ("EXPIRES", "LIMIT", "STOP", "LAST", "BID_PRICE", "ASK_PRICE")
        highest = self._columns[2 if self.kernel.event == "bar" else 1][self.first : self.last]
        if self.kernel.event in ("quote", "top"):
            highest = np.maximum(highest, self._columns[2][self.first : self.last])
        terms = self.instrument.terms(self.instrument.cash_places)
        multiplier, (inverse, shift) = terms.multiplier, inverse_of(terms.divisor)
        return {
            **dict.fromkeys(none, at.NONE),
            "CASH": self.cash,
            "VENUE_CASH": self.cash,
            "PEAK": self.cash,
            "WAKE_LOW": LEAST,
            "WAKE_HIGH": MOST,
            "LARGEST_HELD": 2**ROOM_BITS // multiplier // max(1, int(highest.max())),
            "INVERSE": inverse,
            "INVERSE_SHIFT": shift,
            "FIRST_ROW": self.first,
        }


_FIGURES = {"cash": at.CASH, "position": at.QUANTITY, "mark": at.MARK}


def _column(dataset: Dataset, name: str) -> np.ndarray:
    """A column as contiguous int64; raises ConfigError where its figures are wider."""
    try:
        return np.ascontiguousarray(dataset.ints(name))
    except DataError as error:
        raise ConfigError(f"{error}; run it with --engine event") from None
