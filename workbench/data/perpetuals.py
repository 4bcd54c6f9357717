"""What a perpetual's files hold beside its candles: funding rates and marks, as exact integers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.core.clock import HOUR, SECOND, interval_ns, interval_text
from workbench.core.errors import ConfigError, DataError
from workbench.core.instrument import Instrument
from workbench.data import instruments
from workbench.data.layouts import Sheet
from workbench.data.numbers import exact, integers, require_finite

LATE_NS = SECOND  # venues stamp a settlement some milliseconds late; later than this it is none of the grid's


def perpetual(instrument: Instrument | str, sheet: Sheet) -> tuple[Instrument, str]:
    """The perpetual that rates or marks are of, and where it comes from; its terms cannot be told from them.

    Raises ConfigError for one that is not well known, DataError for what is no perpetual.
    """
    chosen = instrument if isinstance(instrument, Instrument) else instruments.known(instrument)
    if chosen is None:
        raise ConfigError(f"{sheet.file}: {instrument} is not well known; give the Instrument of its candles")
    if chosen.is_spot:
        raise DataError(f"{sheet.file}: {sheet.kind} are of perpetuals, {chosen.key} is spot")
    return chosen, "given" if isinstance(instrument, Instrument) else "table"


def rates(sheet: Sheet) -> np.ndarray:
    """Funding rates as integers of 10^-18, digit for digit; raises DataError for one that is finer."""
    column = sheet.columns["rate"]
    require_finite(column, "rate", sheet.fault)
    try:
        return integers(exact(column, "rate", sheet.fault), Instrument.rate_places)
    except pa.ArrowInvalid:
        raise DataError(f"{sheet.file}: rate: expected at most {Instrument.rate_places} decimal places") from None


def marks(sheet: Sheet, places: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Marks as integers of 10^-places, halves up, since venues print averages finer than any price can be."""
    column = sheet.columns["price"]
    require_finite(column, "price", sheet.fault)
    number = exact(column, "price", sheet.fault)
    rounded = pc.round(number, ndigits=places, round_mode="half_up")
    finer = int(pc.sum(pc.not_equal(rounded, number)).as_py())
    return integers(rounded, places), (f"price: {finer} marks rounded to {places} places",) if finer else ()


def settlement_times(sheet: Sheet, interval: str | int) -> tuple[np.ndarray, tuple[str, ...]]:
    """When each funding was due: the nearest boundary of its interval (of an hour where none is said).

    Raises DataError for a stamp that is more than a second off.
    """
    every = interval if isinstance(interval, int) else interval_ns(interval) if interval else 0
    every = every or HOUR
    due = (sheet.times + every // 2) // every * every
    off = np.abs(sheet.times - due)
    if (off > LATE_NS).any():
        row = int(np.argmax(off > LATE_NS))
        raise sheet.fault(row, "time", sheet.at(row), f"a time within a second of the {interval_text(every)} grid")
    moved = int(np.count_nonzero(off))
    most = -(-int(off.max(initial=0)) // 1_000_000)
    return due, (f"time: {moved} stamps up to {most} ms off set to their settlement",) if moved else ()
