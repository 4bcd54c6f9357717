"""The rule book: every piece of arithmetic that decides or pays, as small integer functions.

All amounts are scaled integers (prices, quantities and cash in their instrument's own units,
see `core/instrument.py`); a side is +1 for buy and -1 for sell; a rate counts parts of 10^8 and
an exposure parts per million. The functions use only integers, comparisons and `//`, so that the
very same source can be compiled. Nothing here knows an event, an order object or a venue.
"""

from __future__ import annotations

RATE = 100_000_000  # a fee or slippage rate of 1.0
PPM = 1_000_000  # an exposure of 1.0
FUNDING_RATE = 10**18  # a funding rate of 1.0: venues print up to 16 decimal places
BUY = 1
SELL = -1


def floor_to(value: int, step: int) -> int:
    """The largest multiple of `step` that is not above `value`."""
    return value // step * step


def ceil_to(value: int, step: int) -> int:
    """The smallest multiple of `step` that is not below `value`."""
    return -(-value // step) * step


def round_half_up(value: int, divisor: int) -> int:
    """value / divisor, halves away from minus infinity."""
    return (2 * value + divisor) // (2 * divisor)


def passive_price(price: int, tick: int, side: int) -> int:
    """A limit price on the tick, moved away from aggression: buys down, sells up."""
    return floor_to(price, tick) if side > 0 else ceil_to(price, tick)


def slipped_price(price: int, tick: int, side: int, rate: int) -> int:
    """A taker's price after slippage, moved to the tick against the taker; never below one tick."""
    if side > 0:
        return ceil_to(price + -(-price * rate // RATE), tick)
    worse = floor_to(price - -(-price * rate // RATE), tick)
    return worse if worse > tick else tick


def notional(price: int, quantity: int, multiplier: int, divisor: int) -> int:
    """What `quantity` is worth at `price`, in cash units."""
    return price * quantity * multiplier // divisor


def fee(amount: int, rate: int, quantum: int) -> int:
    """The fee on `amount`, half up to the fee currency's smallest unit; a negative rate is a rebate."""
    return round_half_up(amount * rate, RATE * quantum) * quantum


def sized_quantity(ppm: int, base: int, mark: int, multiplier: int, divisor: int, lot: int) -> int:
    """The signed quantity, whole lots towards zero, that puts `ppm` of `base` cash to work at `mark`."""
    if base <= 0 or mark <= 0:
        return 0
    lots = abs(ppm) * base * divisor // (PPM * mark * multiplier * lot)
    return lots * lot if ppm > 0 else -lots * lot


def affordable_quantity(cash: int, price: int, multiplier: int, divisor: int, rate: int, quantum: int, lot: int) -> int:
    """The most whole lots that `cash` buys at `price` with the fee on top; a rebate does not count."""
    if cash <= 0 or price <= 0:
        return 0
    charged = rate if rate > 0 else 0
    worth_of_lot = price * lot * multiplier
    lots = cash * divisor * RATE // (worth_of_lot * (RATE + charged))
    slack = (quantum + 2) * divisor // worth_of_lot + 1  # what rounding can move the answer by
    low, high = (lots - slack if lots > slack else 0), lots + slack + 1  # affordable, not affordable
    while high - low > 1:
        middle = (low + high) // 2
        worth = notional(price, middle * lot, multiplier, divisor)
        if worth + fee(worth, charged, quantum) <= cash:
            low = middle
        else:
            high = middle
    return low * lot


def covered_quantity(
    wanted: int, cash: int, price: int, multiplier: int, divisor: int, rate: int, quantum: int, lot: int
) -> int:
    """`wanted` where `cash` pays for it with its fee, else the most whole lots that it does pay for."""
    worth = notional(price, wanted, multiplier, divisor)
    if worth + fee(worth, rate, quantum) <= cash:
        return wanted
    affordable = affordable_quantity(cash, price, multiplier, divisor, rate, quantum, lot)
    return wanted if wanted < affordable else affordable


def closed_quantity(position: int, signed_quantity: int) -> int:
    """How much of `signed_quantity` closes `position`; the rest opens."""
    if position * signed_quantity >= 0:
        return 0
    return min(abs(position), abs(signed_quantity))


def released_cost(cost: int, position: int, closed: int) -> int:
    """The share of a position's cost that closing `closed` of it releases; closing all releases all."""
    size = abs(position)
    return cost if closed == size else cost * closed // size


def bounded_by_volume(remaining: int, volume: int, share: int, lot: int) -> int:
    """How much can trade against `volume` when we may take `share` (a rate) of it, in whole lots."""
    available = floor_to(volume * share // RATE, lot)
    return remaining if remaining < available else available


def resting_fills(side: int, limit: int, low: int, high: int) -> bool:
    """A resting limit fills only when price trades strictly through it."""
    return low < limit if side > 0 else high > limit


def crosses(side: int, limit: int, price: int) -> bool:
    """Whether a limit order would take at `price` the moment it arrives."""
    return price <= limit if side > 0 else price >= limit


def stop_triggers(side: int, stop: int, low: int, high: int) -> bool:
    """A stop triggers when price touches it: a buy stop from below, a sell stop from above."""
    return high >= stop if side > 0 else low <= stop


def worse_price(side: int, first: int, second: int) -> int:
    """The price that is worse for the taker: the higher to buy, the lower to sell."""
    if side > 0:
        return first if first > second else second
    return first if first < second else second


def limited_price(side: int, price: int, limit: int) -> int:
    """`price`, but never beyond what the limit allows: no higher to buy, no lower to sell."""
    if side > 0:
        return price if price < limit else limit
    return price if price > limit else limit


def initial_margin(worth: int, leverage: int) -> int:
    """What an account must own to hold `worth` at this leverage, rounded up."""
    return -(-worth // leverage)


def maintenance_margin(worth: int, rate: int, deduction: int) -> int:
    """What an account must own to keep a position of `worth`, rounded up; `deduction` is what its tier takes off."""
    due = -(-worth * rate // RATE) - deduction
    return due if due > 0 else 0


def is_liquidated(equity: int, maintenance: int) -> bool:
    """Whether a venue closes the account's positions by force."""
    return equity < maintenance


def bankruptcy_price(position: int, mark: int, equity: int, multiplier: int, divisor: int, tick: int) -> int:
    """The price on the tick at which closing `position` uses up `equity` (as valued at `mark`) and no more."""
    worth = abs(position) * multiplier
    if position > 0:
        lowest = ceil_to(mark - equity * divisor // worth, tick)
        return lowest if lowest > tick else tick
    highest = floor_to(mark + equity * divisor // worth, tick)
    return highest if highest > tick else tick


def funding_amount(worth: int, side: int, rate: int, quantum: int) -> int:
    """What a position of `worth` receives (negative: pays), down to the smallest unit; longs pay a positive rate."""
    return -side * worth * rate // (FUNDING_RATE * quantum) * quantum


def drawdown_exceeds(equity: int, peak: int, limit_ppm: int) -> bool:
    """Whether the loss from `peak` is more than `limit_ppm` of it."""
    return (peak - equity) * PPM > peak * limit_ppm


def drift_exceeds(worth: int, base: int, band_ppm: int) -> bool:
    """Whether a drift of `worth` is more than `band_ppm` of the base that positions are sized from."""
    return worth * PPM > band_ppm * base


def collar_exceeds(price: int, mark: int, collar_ppm: int) -> bool:
    """Whether `price` is further from `mark` than the collar allows."""
    return abs(price - mark) * PPM > mark * collar_ppm
