"""What others do on a day: to the market, to our account and key, to the venue's clock and rules, and to our process.

A deed acts once when it begins and again every few seconds; what it returns, if anything, undoes it.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults.invariants import KEY
from tests.faults.street import MID
from workbench.twin.keys import READ_AND_TRADE, Permission
from workbench.twin.words import Order, Refusal, State, Trading

if TYPE_CHECKING:
    from tests.chaos.day import Day

Undo = Callable[[], Any]
Deed = Callable[["Day", random.Random], Awaitable[Undo | None]]

HIGHEST = 5  # steps of 30 above `MID` that the market may stand: never below, so that limits in money hold in pieces


async def skew(day: Day, dice: random.Random) -> Undo:
    day.mischief.skew(ms=dice.choice((-1, 1)) * dice.randint(100, 3_000))
    return lambda: day.mischief.skew(ms=0)


async def drift(day: Day, dice: random.Random) -> Undo:
    day.mischief.drift(ppm=dice.choice((-1, 1)) * dice.randint(1_000, 20_000))

    def right() -> None:
        day.mischief.drift(ppm=0)
        day.mischief.skew(ms=0)

    return right


async def fill(day: Day, dice: random.Random) -> None:
    resting = [each for each in day.ours_open() if each.on_book]
    if resting:
        _trade(day, dice.choice(resting), dice, late=False)


async def late_fill(day: Day, dice: random.Random) -> None:
    ended = [each for each in day.ours() if each.state is State.CANCELED and each.remaining]
    if ended:
        _trade(day, dice.choice(ended[-5:]), dice, late=True)


def _trade(day: Day, order: Order, dice: random.Random, *, late: bool) -> None:
    lot = day.exchange.listings[order.wanted.symbol].lot
    most = int(order.remaining / lot)
    if most:
        quantity = lot * (most if dice.random() < 0.3 else dice.randint(1, most))
        with suppress(Refusal):
            day.mischief.fill(
                symbol=order.wanted.symbol,
                quantity=quantity,
                order_id=order.order_id,
                price=order.price or MID,
                late=late,
            )


async def expire(day: Day, dice: random.Random) -> None:
    resting = day.ours_open()
    if resting:
        order = dice.choice(resting)
        day.mischief.expire(symbol=order.wanted.symbol, order_id=order.order_id, reason="by the venue")


async def trading(day: Day, dice: random.Random) -> Undo:
    symbol = dice.choice(day.symbols)
    day.mischief.trading(symbol=symbol, allows=dice.choice((Trading.HALT, Trading.CANCEL_ONLY)))
    return lambda: day.mischief.trading(symbol=symbol, allows=Trading.TRADING)


async def filters(day: Day, dice: random.Random) -> Undo:
    symbol = dice.choice(day.symbols)
    before = msgspec.to_builtins(day.exchange.listings[symbol])
    changes = {"min_notional": dice.choice(("5", "150")), "tick": dice.choice(("0.01", "0.1")), "lot": "0.0001"}
    day.mischief.filters(symbol=symbol, changes=changes)
    return lambda: day.mischief.filters(symbol=symbol, changes={name: before[name] for name in changes})


async def revoke(day: Day, dice: random.Random) -> Undo:
    day.mischief.revoke(key=KEY)
    return lambda: day.mischief.restore(key=KEY)


async def restrict(day: Day, dice: random.Random) -> Undo:
    if dice.random() < 0.5:
        day.mischief.restrict(key=KEY, permissions=frozenset({Permission.READ}))
    else:
        day.mischief.restrict(key=KEY, addresses=("10.0.0.1",))
    return lambda: day.mischief.restrict(key=KEY, permissions=READ_AND_TRADE, addresses=())


async def by_hand(day: Day, dice: random.Random) -> None:
    side = dice.choice(("BUY", "SELL"))
    price = None if dice.random() < 0.5 else MID + (-90 if side == "BUY" else 240)
    with suppress(Refusal):
        day.mischief.by_hand(
            symbol=dice.choice(day.symbols), side=side, quantity=Decimal(dice.randint(1, 20)) / 10_000, price=price
        )


async def transfer(day: Day, dice: random.Random) -> None:
    asset, amount = dice.choice((("USDT", Decimal(100)), ("BTC", Decimal("0.01")), ("BNB", Decimal(1))))
    with suppress(Refusal):
        day.mischief.transfer(asset=asset, amount=amount * dice.choice((-1, 1)))


async def restart(day: Day, dice: random.Random) -> None:
    await day.mischief.restart(down_s=dice.randint(0, 3))


async def market_moves(day: Day, dice: random.Random) -> None:
    with suppress(Refusal):
        day.street.move(MID + 30 * dice.randint(0, HIGHEST))


async def crash(day: Day, dice: random.Random) -> None:
    await day.kill()


DEEDS: Mapping[str, Deed] = {
    each.__name__: each
    for each in (
        skew,
        drift,
        fill,
        late_fill,
        expire,
        trading,
        filters,
        revoke,
        restrict,
        by_hand,
        transfer,
        restart,
        market_moves,
        crash,
    )
}

RESTS_S: Mapping[str, tuple[float, float]] = {  # between two of a kind; where it can be undone, after that
    "fill": (0.2, 2.0),
    "late_fill": (0.5, 3.0),
    "expire": (0.5, 3.0),
    "market_moves": (0.5, 3.0),
    "by_hand": (1.0, 5.0),
    "crash": (3.0, 15.0),
    "restart": (5.0, 15.0),
}
REST_S = (4.0, 12.0)
LASTS_S = (0.5, 4.0)  # what can be undone
