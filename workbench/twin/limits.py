"""Rate limits: request weight by address, unfilled orders by account, connections, and bans for who goes on."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from workbench.core.clock import MINUTE, SECOND

_CONNECT_WINDOW = 5 * MINUTE
_MAKER_CREDIT = 5  # unfilled orders that the first fill of a resting order takes off the count
_TAKER_CREDIT = 1


class OrderRule(msgspec.Struct, frozen=True):
    """At most `limit` unfilled orders in each window of `seconds`, counted from midnight UTC."""

    limit: int
    seconds: int


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange allows; the defaults are Binance's documented examples."""

    weight: int = 6_000  # per address and clock minute
    orders: tuple[OrderRule, ...] = (OrderRule(50, 10), OrderRule(160_000, 86_400))
    patience: int = 10  # requests sent although told to wait, before the address is banned
    ban_s: int = 120  # the first ban; each further one is twice as long
    longest_ban_s: int = 259_200
    connects: int = 300  # per address in 5 minutes
    messages: int = 5  # from a client per second on a market stream
    streams: int = 1_024  # per connection
    paces: bool = True  # whether each kind of call is counted by itself, where the venue does that


class Excess(StrEnum):
    WEIGHT = "weight"
    BAN = "ban"
    ORDERS = "orders"
    CONNECTS = "connects"


class Limited(Exception):
    """Too much was asked; nothing was done. `until` is when it may be tried again, in UTC ns."""

    def __init__(
        self, excess: Excess, *, until: int, now: int, allowed: int = 0, rule: OrderRule | None = None
    ) -> None:
        super().__init__(f"{excess}: wait until {until}")
        self.excess, self.until, self.allowed, self.rule = excess, until, allowed, rule
        self.retry_after_s = max(1, -(-(until - now) // SECOND))


class _Count:
    """How much fell into the present window; a new window starts at zero."""

    __slots__ = ("_window", "amount")

    def __init__(self) -> None:
        self._window = -1
        self.amount = 0

    def at(self, window: int) -> _Count:
        if window != self._window:
            self._window, self.amount = window, 0
        return self


class _Visitor:
    """One address: its weight, its connections, and how often it did not listen."""

    __slots__ = ("banned_until", "bans", "connects", "strikes", "weight")

    def __init__(self) -> None:
        self.weight, self.connects, self.strikes = _Count(), _Count(), _Count()
        self.banned_until = self.bans = 0


class Meter:
    """Counts what everybody uses; time is handed in. Addresses are few: only this computer gets in."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._visitors: dict[str, _Visitor] = {}
        self._orders: dict[tuple[str, OrderRule], _Count] = {}

    def spend(self, address: str, weight: int, now: int) -> None:
        """Takes the weight of a request; raises Limited once the minute's is used up, and bans who goes on."""
        visitor, minute = self._visitor(address), now // MINUTE
        if now < visitor.banned_until:
            raise Limited(Excess.BAN, until=visitor.banned_until, now=now)
        used = visitor.weight.at(minute)
        used.amount += weight
        if used.amount <= self.limits.weight:
            return
        strikes = visitor.strikes.at(minute)
        strikes.amount += 1
        if strikes.amount > self.limits.patience:
            raise self.ban(address, now)
        raise Limited(Excess.WEIGHT, until=(minute + 1) * MINUTE, now=now, allowed=self.limits.weight)

    def refund(self, address: str, weight: int, now: int) -> None:
        """Gives weight back: an order or cancel that succeeds weighs nothing."""
        used = self._visitor(address).weight.at(now // MINUTE)
        used.amount = max(0, used.amount - weight)

    def used(self, address: str, now: int) -> int:
        """The weight of this minute."""
        return self._visitor(address).weight.at(now // MINUTE).amount

    def ban(self, address: str, now: int) -> Limited:
        """Shuts an address out, longer each time, and says so."""
        visitor = self._visitor(address)
        seconds = min(self.limits.ban_s * 2**visitor.bans, self.limits.longest_ban_s)
        visitor.bans += 1
        visitor.banned_until = now + seconds * SECOND
        return Limited(Excess.BAN, until=visitor.banned_until, now=now)

    def connect(self, address: str, now: int) -> None:
        """Counts a new connection; raises Limited beyond the limit and while the address is banned."""
        visitor, window = self._visitor(address), now // _CONNECT_WINDOW
        if now < visitor.banned_until:
            raise Limited(Excess.BAN, until=visitor.banned_until, now=now)
        connects = visitor.connects.at(window)
        connects.amount += 1
        if connects.amount > self.limits.connects:
            raise Limited(Excess.CONNECTS, until=(window + 1) * _CONNECT_WINDOW, now=now)

    def may_order(self, account: str, now: int) -> None:
        """Raises Limited where a further order would be one too many."""
        for rule in self.limits.orders:
            if self._ordered(account, rule, now).amount >= rule.limit:
                window = now // (rule.seconds * SECOND)
                raise Limited(Excess.ORDERS, until=(window + 1) * rule.seconds * SECOND, now=now, rule=rule)

    def ordered(self, account: str, now: int) -> None:
        """Counts an accepted order."""
        for rule in self.limits.orders:
            self._ordered(account, rule, now).amount += 1

    def traded(self, account: str, now: int, *, maker: bool) -> None:
        """Takes an order that filled for the first time off the count; more of it where it rested before."""
        for rule in self.limits.orders:
            count = self._ordered(account, rule, now)
            count.amount = max(0, count.amount - (_MAKER_CREDIT if maker else _TAKER_CREDIT))

    def orders(self, account: str, now: int) -> list[tuple[OrderRule, int]]:
        """The unfilled orders in the present window of each rule."""
        return [(rule, self._ordered(account, rule, now).amount) for rule in self.limits.orders]

    def _visitor(self, address: str) -> _Visitor:
        return self._visitors.setdefault(address, _Visitor())

    def _ordered(self, account: str, rule: OrderRule, now: int) -> _Count:
        return self._orders.setdefault((account, rule), _Count()).at(now // (rule.seconds * SECOND))
