"""A recorded world: a crowd's orders follow recorded levels, and recorded trades happen again.

Orders of others are never moved: what the crowd adds to a level goes to its back, what it takes away comes off its
newest orders first. A recorded trade hits whoever is first in the queue; of the crowd it finds what the recording
says, even where the depth update that tells of it comes later.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.errors import ConfigError, DataError
from workbench.core.money import dec
from workbench.twin.exchange import Exchange
from workbench.twin.words import Event, Execution, Force, OrderKind, Refusal, SelfTrade, Wanted
from workbench.twin.world import ENDLESS

CROWD, PASSER = "crowd", "passer-by"  # whose orders rest, and who trades with them

_Frame = tuple[int, Mapping[str, Any]]  # UTC ns, the message of the venue
_NONE = Decimal(0)
_LOOKED_AT = 100  # levels from the best one that a trade may have gone through unseen: more than 100 ms bring
_json = msgspec.json.Decoder(float_hook=Decimal)


class RecordedWorld:
    """Replays the frames of one symbol of Binance spot: a snapshot, depth updates and trades."""

    def __init__(self, exchange: Exchange, *, symbol: str, frames: Iterable[_Frame]) -> None:
        """`frames` are (UTC ns, parsed message) in order; messages other than depth and trades are passed over."""
        listing = exchange.listings.get(symbol)
        if listing is None or SelfTrade.EXPIRE_MAKER not in listing.stp_allowed:
            raise ConfigError(f"world: expected a listing for {symbol} that allows {SelfTrade.EXPIRE_MAKER}")
        self._exchange, self._symbol = exchange, symbol
        self._frames = iter(frames)
        self._resting: dict[tuple[str, Decimal], dict[int, Decimal]] = {}  # by level, oldest first: what is left
        self._last = 0  # update id of the venue that the levels stand for; 0 before the snapshot
        self._told = 0  # the venue's time of the last depth update
        for order in exchange.open_orders(CROWD, symbol) if CROWD in exchange.accounts else ():
            self._resting.setdefault((order.wanted.side, order.price), {})[order.order_id] = order.remaining
        exchange.listen(self._hear)

    def step(self) -> int | None:
        """Replays one frame; gives its time, None where the recording has ended."""
        for at, message in self._frames:
            self._open_accounts(at)
            try:
                self._apply(message, at)
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"frame at {at}: not a message of this venue: {error!r}") from None
            return at
        return None

    def _open_accounts(self, at: int) -> None:
        listing = self._exchange.listings[self._symbol]
        for name in (CROWD, PASSER):
            if name not in self._exchange.accounts:
                endless = dict.fromkeys((listing.base, listing.quote), ENDLESS)
                self._exchange.open_account(name, endless, now=at, crowd=True)

    def _apply(self, message: Mapping[str, Any], at: int) -> None:
        kind = message.get("e")
        if "lastUpdateId" in message:
            self._snapshot(message, at)
        elif kind == "depthUpdate" and 0 < self._last < message["u"]:
            self._last, self._told = message["u"], message["E"]
            self._follow({("BUY", price): left for price, left in _levels(message["b"])}, at)
            self._follow({("SELL", price): left for price, left in _levels(message["a"])}, at)
        elif kind == "trade" and self._last:
            resting = "BUY" if message["m"] else "SELL"
            self._pass_by(resting, dec(message["p"]), dec(message["q"]), at, known=message["T"] <= self._told)

    def _snapshot(self, message: Mapping[str, Any], at: int) -> None:
        self._last = message["lastUpdateId"]
        levels = {("BUY", price): left for price, left in _levels(message["bids"])}
        levels |= {("SELL", price): left for price, left in _levels(message["asks"])}
        gone = dict.fromkeys(self._resting.keys() - levels.keys(), _NONE)
        self._follow(dict(sorted(gone.items())) | levels, at)

    def _follow(self, levels: Mapping[tuple[str, Decimal], Decimal], at: int) -> None:
        """Brings the crowd's orders to the recorded totals: less first, so that the crowd does not cross itself."""
        held = {level: sum(self._resting.get(level, {}).values(), _NONE) for level in levels}
        for level, total in levels.items():
            if total < held[level]:
                self._withdraw(level, held[level] - total, at)
        for (side, price), total in levels.items():
            if total > held[side, price]:
                self._place(CROWD, side, price, total - held[side, price], at, force=Force.GTC)

    def _withdraw(self, level: tuple[str, Decimal], surplus: Decimal, at: int) -> None:
        for order_id, left in reversed(list(self._resting[level].items())):
            if left <= surplus:
                self._exchange.cancel(CROWD, symbol=self._symbol, now=at, order_id=order_id)
                surplus -= left
            elif surplus:
                total = self._exchange.order(CROWD, symbol=self._symbol, order_id=order_id).quantity - surplus
                self._exchange.amend(CROWD, symbol=self._symbol, now=at, order_id=order_id, quantity=total)
                return

    def _pass_by(self, resting: str, price: Decimal, quantity: Decimal, at: int, *, known: bool) -> None:
        """Trades against the side that rested; where the depth is `known` to tell of it already, the levels stay."""
        stale = self._better(resting, price)
        before = {level: sum(self._resting.get(level, {}).values(), _NONE) for level in [*stale, (resting, price)]}
        self._follow(dict.fromkeys(stale, _NONE), at)
        missing = quantity - self._take(resting, price, quantity, at)
        if missing:
            self._place(CROWD, resting, price, missing, at, force=Force.GTC)
            self._take(resting, price, missing, at)
        if known:
            self._follow(before, at)

    def _better(self, side: str, price: Decimal) -> list[tuple[str, Decimal]]:
        """The crowd's levels that a trade at `price` would have met before."""
        book = self._exchange.book(self._symbol, _LOOKED_AT)
        levels = book.bids if side == "BUY" else book.asks
        better = [(side, each) for each, _ in levels if (each > price if side == "BUY" else each < price)]
        return [level for level in better if level in self._resting]

    def _take(self, resting: str, price: Decimal, quantity: Decimal, at: int) -> Decimal:
        return self._place(PASSER, "SELL" if resting == "BUY" else "BUY", price, quantity, at, force=Force.IOC)

    def _place(self, account: str, side: str, price: Decimal, quantity: Decimal, at: int, *, force: Force) -> Decimal:
        """Enters an order; gives what it traded at once."""
        wanted = Wanted(
            symbol=self._symbol,
            side=side,
            kind=OrderKind.LIMIT,
            quantity=quantity,
            price=price,
            force=force,
            stp=SelfTrade.EXPIRE_MAKER,  # a level of the crowd that another one reaches was gone at the venue
        )
        try:
            return self._exchange.place(account, wanted, at)[-1].order.filled
        except Refusal:
            return _NONE  # halted, or finer than the listing: the recording goes on without it

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Execution) or event.order.account != CROWD:
            return
        order = event.order
        if order.wanted.symbol != self._symbol:
            return
        level = self._resting.setdefault((order.wanted.side, order.price), {})
        if order.open and order.remaining:
            level[order.order_id] = order.remaining
        else:
            level.pop(order.order_id, None)
        if not level:
            del self._resting[order.wanted.side, order.price]


def frames(path: Path) -> Iterator[_Frame]:
    """The frames of a recording, a line each: UTC nanoseconds, a space and the message as the venue sent it.

    Messages of a combined stream come without their envelope. Raises DataError naming the line that is neither.
    """
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            stamp, _, text = line.partition(b" ")
            try:
                message = _json.decode(text)
                yield int(stamp), message.get("data", message)
            except (ValueError, AttributeError) as error:
                raise DataError(f"{path}:{number}: expected nanoseconds and a message, {error}") from None


def _levels(written: Iterable[tuple[str, str]]) -> list[tuple[Decimal, Decimal]]:
    return [(dec(price), dec(quantity)) for price, quantity in written]
