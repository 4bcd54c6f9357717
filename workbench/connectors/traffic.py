"""Every request of a connector goes out here: when the breaker and the limiter let it, once, and written down."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from workbench.connectors.breaker import PAUSE_NS, Breaker, Circuit
from workbench.connectors.dialect import Dialect
from workbench.connectors.limiter import Limiter
from workbench.connectors.outcomes import failed_inside
from workbench.connectors.retry import retried
from workbench.connectors.wire import QUESTIONS, Answer, Call, Wire, WireBroken
from workbench.connectors.wirelog import WireLog, redacted
from workbench.core.clock import SECOND, Clock
from workbench.core.errors import DataError, InvariantError, VenueRejected, VenueUnavailable

HOLD_S = 10.0  # after a refusal for pace that does not say how long: what the shortest windows of venues last
_SHOWN = 300  # characters of an answer in an error

log = logging.getLogger(__name__)

T = TypeVar("T")


class Traffic:
    """The way out to one venue; `random` in [0, 1) spreads what is tried again."""

    def __init__(
        self,
        wire: Wire,
        dialect: Dialect,
        *,
        limiter: Limiter,
        breaker: Breaker,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
        log: WireLog | None,
    ) -> None:
        self._wire, self._dialect = wire, dialect
        self._limiter, self._breaker = limiter, breaker
        self._clock, self._sleep, self._random = clock, sleep, random
        self._log = log

    async def send(self, call: Call) -> Answer:
        """Sends one request, once; raises WireBroken where no whole answer came, and NotSent where it never left."""
        self._breaker.enter(call.urgency, self._clock.now())
        try:
            await self._limiter.admit(call)
        except BaseException:
            self._breaker.left()
            raise
        came: Answer | WireBroken | None = None
        try:
            came = await self._wire.call(call)
        except Exception as error:  # whatever else a wire breaks with proves as little as a lost answer
            came = WireBroken(redacted(str(error)), reached=getattr(error, "reached", True))
            raise came from None
        finally:
            self._learn(call, came)
        return came

    async def ask(self, call: Call, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer to a question; what fails is asked again a few times.

        Raises VenueUnavailable where no readable answer came and VenueRejected where it was a clear no.
        """
        if call.urgency not in QUESTIONS:
            raise InvariantError(f"{call.endpoint}: what changes something is sent once, never asked")
        return await retried(lambda: self._asked(call, read), sleep=self._sleep, random=self._random)

    async def ask_all(self, calls: Iterable[Call]) -> list[Answer]:
        """The answers to several questions, one after the other."""
        return [await self.ask(call, _whole) for call in calls]

    async def until_answered(self) -> None:
        """Asks until the breaker closes: nobody may be trading meanwhile, so nobody else finds out."""
        while self._breaker.circuit(self._clock.now()) is not Circuit.CLOSED:
            await self._sleep(PAUSE_NS / SECOND)
            try:
                await self.send(self._dialect.time())
            except VenueUnavailable as problem:
                log.info("%s: still no answer: %s", self._dialect.name, problem)

    async def _asked(self, call: Call, read: Callable[[Answer], T]) -> T:
        answer = await self.send(call)
        if failed_inside(answer) or self._dialect.refuses_for_pace(answer):
            raise VenueUnavailable(f"{self._dialect.name} {call.endpoint}: {_shown(answer)}")
        try:
            return read(answer)
        except DataError as problem:
            kind = VenueRejected if answer.status >= 400 else VenueUnavailable
            raise kind(f"{self._dialect.name} {call.endpoint}: {redacted(str(problem))}; {_shown(answer)}") from None

    def _learn(self, call: Call, came: Answer | WireBroken | None) -> None:
        """Notes how the venue is, how much is used and whether it wants silence, before the next request may leave.

        None came where the caller gave up.
        """
        now = self._clock.now()
        if self._log is not None and came is not None:
            self._log.record(call, came, now)
        if came is None:
            self._breaker.left()
        elif isinstance(came, WireBroken):
            self._breaker.failed(now, str(came))
        elif came.status >= 500:
            self._breaker.failed(now, f"{call.endpoint} answered {came.status}")
        else:
            self._breaker.succeeded(now)
        if isinstance(came, Answer):
            self._keep_pace(came, now)
        self._limiter.settle(call, now)

    def _keep_pace(self, answer: Answer, now: int) -> None:
        if self._dialect.refuses_for_pace(answer):
            said = self._dialect.wait_s(answer)
            wait_s = HOLD_S if said is None else said
            log.error("%s: asks too often, says status %d: silent for %g s", self._dialect.name, answer.status, wait_s)
            self._limiter.hold(now + round(wait_s * SECOND))
        self._limiter.hear(self._dialect.usage(answer), now)


def _whole(answer: Answer) -> Answer:
    if answer.status >= 400:
        raise DataError("expected an answer, got a refusal")
    return answer


def _shown(answer: Answer) -> str:
    return redacted(f"status {answer.status}: {answer.body[:_SHOWN].decode(errors='replace')}")
