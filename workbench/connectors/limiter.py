"""Keeps an account inside its venue's rate limits and lets the urgent pass.

A request leaves when it fits every limit, in the order cancel, order, query, fate, market. Windows slide, so that no
window of the venue, wherever it begins, ever holds more than its limit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec

from workbench.connectors.dialect import RateLimit, Usage
from workbench.connectors.silence import Silence
from workbench.connectors.wire import Call, NotSent, Urgency
from workbench.core.clock import SECOND, Clock
from workbench.core.money import to_text

# Percent of every limit an urgency may use up. A fifth is kept for taking back and finding out; of that the last
# tenth for taking back and for orders whose fate is unknown, so that comparing the books cannot stop a cancel. What
# the market looks like leaves another fifth to orders.
SHARES: Mapping[Urgency, int] = {
    Urgency.CANCEL: 100,
    Urgency.ORDER: 80,
    Urgency.QUERY: 90,
    Urgency.FATE: 95,
    Urgency.MARKET: 60,
}

# How long a request may wait before it is given back unsent: an order soon answers a market that is gone,
# a cancel is wanted for as long as anything can be worth it.
PATIENCE_S: Mapping[Urgency, int] = {
    Urgency.CANCEL: 3_600,
    Urgency.ORDER: 5,
    Urgency.QUERY: 60,
    Urgency.FATE: 60,
    Urgency.MARKET: 120,
}
LINE = 10_000  # requests waiting per urgency: minutes of any venue's limit, so more would be given back anyway
_SLOTS = 1_000  # entries a window keeps: it forgets a thousandth of its length late, never early

_COSTS: Mapping[str, Callable[[Call], int]] = {
    "weight": attrgetter("weight"),
    "orders": attrgetter("orders"),
}


class Window:
    """One limit and what was spent of it, by us and by others who share it."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._cost = _COSTS.get(limit.name, _one)  # any other limit counts requests
        self._endpoint = limit.endpoint
        self._spent: deque[list[int]] = deque()  # [first, last, cost] by when it was answered, oldest first
        self._settled = 0
        self._flying = 0  # sent, not yet answered: it may be counted at any instant

    @property
    def used(self) -> int:
        """What may count now."""
        return self._settled + self._flying

    @property
    def next_free(self) -> int | None:
        """When the oldest stops counting (UTC ns); None if all that counts is still on its way."""
        return self._spent[0][1] + self.limit.window_ns if self._spent else None

    def cost(self, call: Call) -> int:
        """What a call spends of this limit."""
        cost: int = self._cost(call) if self._endpoint in ("", call.endpoint) else 0
        return cost

    def fits(self, call: Call, percent: int) -> bool:
        """Whether a call stays within `percent` of the limit; one that never would goes when nothing else counts."""
        cost = self.cost(call)
        return not cost or not self.used or self.used + cost <= self.limit.most * percent // 100

    def take(self, call: Call) -> None:
        """A call is on its way."""
        self._flying += self.cost(call)

    def settle(self, call: Call, at: int) -> None:
        """A call was answered or lost at `at`: from now on it ages."""
        cost = self.cost(call)
        self._flying -= cost
        self._spend(cost, at)

    def hear(self, used: int, at: int) -> None:
        """The venue counts `used`: what is more than our own count was spent by others."""
        self._spend(max(0, used - self.used), at)

    def forget(self, now: int) -> None:
        """Lets go of what no window of the venue can hold any more."""
        while self._spent and self._spent[0][1] + self.limit.window_ns <= now:
            self._settled -= self._spent.popleft()[2]

    def _spend(self, cost: int, at: int) -> None:
        if not cost:
            return
        self._settled += cost
        if self._spent and at - self._spent[-1][0] < self.limit.window_ns // _SLOTS:
            self._spent[-1][1] = max(at, self._spent[-1][1])
            self._spent[-1][2] += cost
        else:
            self._spent.append([at, at, cost])


def _one(_: Call) -> int:
    return 1


class _Waiting(msgspec.Struct, eq=False):
    call: Call
    deadline: int
    turn: asyncio.Future[None]


class Limiter:
    """Lets requests go in order of urgency, each when it fits; after a refusal for pace nothing goes until its end."""

    def __init__(
        self,
        limits: Iterable[RateLimit],
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        silence: Silence | None = None,
    ) -> None:
        self._clock, self._sleep, self._silence = clock, sleep, silence or Silence()
        self._windows: dict[tuple[str, int], Window] = {}
        self._lines: dict[Urgency, deque[_Waiting]] = {each: deque() for each in Urgency}
        self._held_until = self._silence.until(clock.now())
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = 0
        self.learn(limits)

    @property
    def held_until(self) -> int:
        """Until when the venue wants to hear nothing (UTC ns); it may be past."""
        return self._held_until

    def used(self) -> Sequence[tuple[RateLimit, int]]:
        """Every limit with what is used of it now."""
        for window in self._windows.values():
            window.forget(self._clock.now())
        return [(window.limit, window.used) for window in self._windows.values()]

    def fullest(self) -> str:
        """What is used of the limit that is closest to its end: a fraction as text, rounded up to four places."""
        return to_text(max((-(-used * 10_000 // limit.most) for limit, used in self.used()), default=0), 4)

    async def admit(self, call: Call) -> None:
        """Returns when `call` may leave; `settle` it afterwards. Raises NotSent when it waited too long."""
        line = self._lines[call.urgency]
        if len(line) >= LINE:
            raise NotSent(f"not sent: {LINE} {call.urgency} requests are waiting for the rate limit already")
        deadline = self._clock.now() + PATIENCE_S[call.urgency] * SECOND
        waiting = _Waiting(call, deadline, asyncio.get_running_loop().create_future())
        line.append(waiting)
        self._serve()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if not waiting.turn.cancelled() and waiting.turn.exception() is None:
                self.settle(call, self._clock.now())  # its turn had come: nobody is left to take it
            raise

    def settle(self, call: Call, at: int) -> None:
        """An admitted call was answered, or lost, at `at` (UTC ns)."""
        for window in self._windows.values():
            window.settle(call, at)
        self._serve()

    def learn(self, limits: Iterable[RateLimit]) -> None:
        """Takes over what the venue publishes; what was spent stays spent."""
        for limit in limits:
            window = self._windows.setdefault((limit.name, limit.window_ns), Window(limit))
            window.limit = limit
        self._serve()

    def hear(self, usages: Iterable[Usage], at: int) -> None:
        """Takes over what the venue counted, at `at` (UTC ns); a limit it never published says nothing."""
        for usage in usages:
            window = self._windows.get((usage.name, usage.window_ns))
            if window is not None:
                window.forget(at)
                window.hear(usage.used, at)

    def hold(self, until: int) -> None:
        """Lets nothing go before `until` (UTC ns), not even from a process that comes after this one."""
        if until > self._held_until:
            self._held_until = until
            self._silence.keep(until)

    def close(self) -> None:
        """Gives everything that waits back unsent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for line in self._lines.values():
            while line:
                _give_back(line.popleft(), "the connection closes")

    # --- whose turn it is -------------------------------------------------------------------------

    def _serve(self) -> None:
        now = self._clock.now()
        for line in self._lines.values():
            while line and (line[0].turn.done() or line[0].deadline <= now):
                _give_back(line.popleft(), "it waited too long for the rate limit")
        if now >= self._held_until:
            self._let_go(now)
        self._wake_in_time(now)

    def _let_go(self, now: int) -> None:
        for window in self._windows.values():
            window.forget(now)
        stuck: dict[Window, int] = {}  # windows that somebody more urgent waits for, and his share
        for urgency, line in self._lines.items():
            while line and not self._blocks(line[0].call, urgency, stuck):
                waiting = line.popleft()
                if not waiting.turn.done():
                    for window in self._windows.values():
                        window.take(waiting.call)
                    waiting.turn.set_result(None)

    def _blocks(self, call: Call, urgency: Urgency, stuck: dict[Window, int]) -> bool:
        """Whether a call has to wait; then those behind it may not take what it waits for."""
        share = SHARES[urgency]
        full = [window for window in self._windows.values() if not window.fits(call, share)]
        for window in full:
            stuck[window] = max(share, stuck.get(window, 0))
        return bool(full) or any(most >= share and window.cost(call) for window, most in stuck.items())

    def _wake_in_time(self, now: int) -> None:
        heads = [line[0].deadline for line in self._lines.values() if line]
        if not heads:
            return
        frees = [window.next_free for window in self._windows.values()]
        ahead = [self._held_until] if self._held_until > now else [at for at in frees if at is not None and at > now]
        at = min([*heads, *ahead])
        if self._timer is not None and self._timer_at <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().create_task(self._wake((at - now) / SECOND))

    async def _wake(self, delay_s: float) -> None:
        await self._sleep(delay_s)
        self._timer = None
        self._serve()


def _give_back(waiting: _Waiting, reason: str) -> None:
    if not waiting.turn.done():
        waiting.turn.set_exception(NotSent(f"not sent: {reason} ({waiting.call.endpoint})"))
