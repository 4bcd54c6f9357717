"""Round trips as machine code: `research/trips.py` for one strategy in one instrument, fill by fill, nothing kept.

`held` is what is going on now (int64, by `SIDE` and what follows), `sums` what closed trips add up to (float64, by
`PNL` and what follows). Both start as zeros.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
from numba import njit

from workbench.compiled.engine_log import FILL_ROW, TIME, WHAT, A, B, C, G
from workbench.compiled.engine_log import E as TRADED_AT
from workbench.compiled.engine_state import minus, plus
from workbench.compiled.rulebook import closed_quantity, notional
from workbench.compiled.wide import narrow, widen
from workbench.core.clock import DAY

machine = njit(nogil=True, error_model="python")

_place = count()
SIDE, ENTERED_AT, EXITED_AT, PAID, RECEIVED, TRIP_FEES, HELD, CARRIED, LEFT, LEFT_WORTH = (
    next(_place) for _ in range(10)
)
QUANTITY, SAMPLED, IN_MARKET, FEES, FILLS = (next(_place) for _ in range(5))
HELD_WIDTH = next(_place)

TRADES, WINS, LOSSES, PNL, PROFITS, LOST, BEST, WORST, DAYS = range(9)
SUMS_WIDTH = 9

LOT, MULTIPLIER, DIVISOR, CASH_QUANTUM, BASE_QUANTUM, UNIT = range(6)
TERMS_WIDTH = 6  # int64: an instrument's terms, and how many cash units are one of the base currency

_EXACT = 2**53  # integers up to here are floats


@machine
def take_fills(log: Any, rows: int, terms: Any, times: Any, held: Any, sums: Any) -> None:
    """Takes the fills among the first `rows` of an engine's log; `times` are those at which the run is sampled."""
    for row in range(rows):
        if log[row, WHAT] == FILL_ROW:
            _known(log[row, TIME], terms, times, held)
            fee, in_base = log[row, C], log[row, G]
            cash = 0 if in_base else narrow(widen(fee) * widen(terms[CASH_QUANTUM]))
            base = narrow(widen(fee) * widen(terms[BASE_QUANTUM])) if in_base else 0
            _take(log[row, B], log[row, A], cash, base, log[row, TRADED_AT], terms, held, sums)


@machine
def finish(terms: Any, times: Any, held: Any) -> None:
    """Counts the samples after the last fill."""
    _count(len(times), terms, held)


@machine
def ratio(over: int, under: int) -> float:
    """One integer over another, `under` above 0, as the nearest float, halves to even: what Python's `/` gives."""
    if over == 0 or (-_EXACT <= over <= _EXACT and under <= _EXACT):
        return float(over) / float(under)
    size, least = widen(over) if over >= 0 else widen(0) - widen(over), widen(under) * widen(_EXACT * 4)
    shift = 0
    while size < least:  # until the quotient has two bits more than a float keeps
        size = size + size
        shift += 1
    quotient = size // widen(under)
    whole = narrow(quotient)
    if size != quotient * widen(under):
        whole |= 1  # what is below decides only whether it is more than half
    found = float(whole) * 2.0**-shift
    return found if over >= 0 else -found


@machine
def _known(time: int, terms: Any, times: Any, held: Any) -> None:
    """Counts the samples before a fill is known by what was held until then."""
    _count(int(np.searchsorted(times, time)), terms, held)


@machine
def _count(sample: int, terms: Any, held: Any) -> None:
    if sample > held[SAMPLED]:
        if 2 * abs(held[QUANTITY]) > terms[LOT]:
            held[IN_MARKET] += sample - held[SAMPLED]
        held[SAMPLED] = sample


@machine
def _take(signed: int, price: int, fee: int, fee_in_base: int, time: int, terms: Any, held: Any, sums: Any) -> None:
    whole, sign = abs(signed), 1 if signed > 0 else -1
    held[FILLS] += 1
    held[QUANTITY] = plus(held[QUANTITY], signed - fee_in_base)
    held[FEES] = plus(held[FEES], plus(fee, _worth(price, fee_in_base, terms)))
    closing = closed_quantity(held[HELD], signed)
    if closing == 0 or closing == whole:
        _part(sign, whole, price, fee, fee_in_base, time, terms, held, sums)
        return
    share = narrow(widen(fee) * widen(closing) // widen(whole))
    share_in_base = narrow(widen(fee_in_base) * widen(closing) // widen(whole))
    _part(sign, closing, price, share, share_in_base, time, terms, held, sums)
    _part(sign, whole - closing, price, fee - share, fee_in_base - share_in_base, time, terms, held, sums)


@machine
def _part(
    sign: int, quantity: int, price: int, fee: int, in_base: int, time: int, terms: Any, held: Any, sums: Any
) -> None:
    """A fill, or the part of it that closes one trip or opens the next."""
    if held[SIDE] == 0:
        _begin(sign, time, held)
    worth = _worth(price, quantity, terms)
    if sign == held[SIDE]:
        held[PAID] = plus(held[PAID], worth)
    else:
        held[RECEIVED] = plus(held[RECEIVED], worth)
    held[TRIP_FEES] = plus(held[TRIP_FEES], fee)
    held[HELD] = plus(held[HELD], sign * quantity - in_base)
    held[EXITED_AT] = time
    if abs(held[HELD]) < terms[LOT]:
        _end(price, terms, held, sums)


@machine
def _begin(sign: int, time: int, held: Any) -> None:
    held[SIDE], held[ENTERED_AT] = sign, time
    held[PAID] = held[RECEIVED] = held[TRIP_FEES] = 0
    held[HELD], held[CARRIED] = held[LEFT], -held[LEFT_WORTH]
    held[LEFT] = held[LEFT_WORTH] = 0


@machine
def _end(price: int, terms: Any, held: Any, sums: Any) -> None:
    worth = _worth(price, abs(held[HELD]), terms)
    held[LEFT_WORTH] = worth if held[HELD] > 0 else -worth
    traded = held[SIDE] * minus(held[RECEIVED], held[PAID])
    gained = minus(plus(plus(traded, held[CARRIED]), held[LEFT_WORTH]), held[TRIP_FEES])
    _add(gained, held[PAID], held[EXITED_AT] - held[ENTERED_AT], terms[UNIT], sums)
    held[LEFT], held[HELD], held[SIDE] = held[HELD], 0, 0


@machine
def _add(gained: int, paid: int, lasted: int, unit: int, sums: Any) -> None:
    """One closed trip more; a return that nobody can say makes the best and the worst unsaid."""
    pnl = ratio(gained, unit)
    returned = ratio(gained, paid) if paid else np.nan
    if sums[TRADES] == 0:
        sums[BEST] = sums[WORST] = returned
    sums[BEST] = returned if returned > sums[BEST] or np.isnan(returned) else sums[BEST]
    sums[WORST] = returned if returned < sums[WORST] or np.isnan(returned) else sums[WORST]
    sums[TRADES] += 1.0
    sums[PNL] += pnl
    sums[DAYS] += float(lasted) / DAY
    if pnl > 0:
        sums[WINS] += 1.0
        sums[PROFITS] += pnl
    elif pnl < 0:
        sums[LOSSES] += 1.0
        sums[LOST] += pnl


@machine
def _worth(price: int, quantity: int, terms: Any) -> int:
    return notional(price, quantity, terms[MULTIPLIER], terms[DIVISOR])
