"""A venue on the bench: a wire in memory, a dialect of a dozen words, and time that only moves when all wait for it."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from workbench.connectors.dialect import Listed, RateLimit, Usage, Verdict
from workbench.connectors.heard import (
    HeardBar,
    HeardBook,
    HeardEnd,
    HeardFill,
    HeardOrder,
    HeardQuote,
    HeardTrade,
)
from workbench.connectors.venue import VenueConnector
from workbench.connectors.wire import Answer, Call, Frame, Link, Topic, Urgency, WireBroken
from workbench.core.clock import SECOND, Nanos
from workbench.core.errors import DataError, Unsupported
from workbench.core.events import AmendEvent, ApprovedOrder, CancelEvent, Event, OrderEvent
from workbench.core.instrument import Instrument
from workbench.core.order import OrderStatus, OrderType, Role, Side, TimeInForce
from workbench.core.ports import Outcome, Permissions

START = 1_700_000_000 * SECOND
BTC = Instrument(venue="bench", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.001"), min_notional=Decimal(5))
ETH = Instrument(venue="bench", symbol="ETH/USDT", tick=Decimal("0.01"), lot=Decimal("0.001"), min_notional=Decimal(5))
LISTED = Listed(
    instrument=BTC,
    market_id="BTCUSDT",
    min_price=Decimal("0.01"),
    max_price=Decimal(1_000_000),
    max_quantity=Decimal(9_000),
    max_market_quantity=Decimal(100),
    max_notional=Decimal(9_000_000),
    max_open_orders=3,
)

T = TypeVar("T")


class Time:
    """A clock and a sleep that agree; `run` moves on to the next wake-up whenever nothing else can happen."""

    def __init__(self) -> None:
        self.ns = START
        self._waking: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> Nanos:
        return Nanos(self.ns)

    async def sleep(self, seconds: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waking, (self.ns + max(0, round(seconds * SECOND)), self._count, turn))
        await turn

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run(self._drive(work))

    async def _drive(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.create_task(work())
        while not task.done():
            for _ in range(40):  # more than any chain of awaits between two waits for time
                await asyncio.sleep(0)
            if not task.done():
                assert self._waking, "everybody waits and nothing will ever happen"
                at, _, turn = heapq.heappop(self._waking)
                self.ns = max(self.ns, at)
                if not turn.done():
                    turn.set_result(None)
        return task.result()


Reply = Callable[[Call], "tuple[int, Any] | Awaitable[tuple[int, Any]]"]


class BenchWire:
    """Answers by endpoint with what a test laid down; notes every call with the time it was sent."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.sent: list[tuple[int, Call]] = []
        self.replies: dict[str, deque[Any]] = {}
        self.usual: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.latency_s = 0.001
        self.topics: list[Topic] = []
        self.reconnects: list[tuple[str, str]] = []
        self.answers_reconnect = True
        self.generation = {"private": 1, "public": 1}
        self._came: asyncio.Queue[Frame | Link | Exception | None] = asyncio.Queue()

    def reply(self, endpoint: str, *replies: Any) -> None:
        """The next answers to an endpoint: (status, body), an exception, or a function of the call."""
        self.replies.setdefault(endpoint, deque()).extend(replies)

    def calls(self, endpoint: str) -> list[Call]:
        return [call for _, call in self.sent if call.endpoint == endpoint]

    async def open(self) -> None: ...

    async def close(self) -> None:
        await self._came.put(None)

    async def call(self, call: Call) -> Answer:
        sent = self.time.now()
        self.sent.append((sent, call))
        await self.time.sleep(self.latency_s)
        waiting = self.replies.get(call.endpoint)
        reply = waiting.popleft() if waiting else self.usual[call.endpoint]
        reply = reply(call) if callable(reply) else reply
        if isinstance(reply, Exception):
            raise reply
        status, body, *more = reply
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self.headers, **(more[0] if more else {})}
        return Answer(status=status, headers=headers, body=data, sent=sent, received=self.time.now())

    async def subscribe(self, topic: Topic) -> None:
        self.topics.append(topic)
        if topic.kind == "account":
            self.link("private", up=True)

    async def receive(self) -> AsyncIterator[Frame | Link]:
        while (came := await self._came.get()) is not None:
            if isinstance(came, Exception):
                raise came
            yield came

    async def reconnect(self, channel: str, reason: str) -> None:
        self.reconnects.append((channel, reason))
        if self.answers_reconnect:
            self.link(channel, up=False, reason=reason)
            self.generation[channel] += 1
            self.link(channel, up=True)

    # --- what a test makes it hear ---

    def link(self, channel: str, *, up: bool, reason: str = "") -> None:
        self._came.put_nowait(
            Link(channel, self.generation[channel], self.time.now(), up, channel == "private", reason)
        )

    def hear(self, *heards: Any, channel: str = "public", generation: int = 0) -> None:
        number = generation or self.generation[channel]
        self._came.put_nowait(Frame(channel, number, self.time.now(), heards))

    def breaks(self, error: Exception) -> None:
        self._came.put_nowait(error)


def call(endpoint: str, urgency: Urgency = Urgency.QUERY, *, weight: int = 1, orders: int = 0, **params: Any) -> Call:
    return Call(endpoint=endpoint, params=params, urgency=urgency, weight=weight, orders=orders)


class BenchDialect:
    """Bodies are JSON; what is heard comes ready made in the frame, an exception among it is raised."""

    name = "binance"  # whose books' continuity it borrows
    verified = True
    recv_window_ns = 5 * SECOND
    book_in_stream = False

    def __init__(self) -> None:
        self.limits: Sequence[RateLimit] = [RateLimit(name="weight", most=6_000, window_ns=60 * SECOND)]
        self.listed: Sequence[Listed] = [LISTED, Listed(instrument=ETH, market_id="ETHUSDT")]
        self.separate_stops = False

    def listings(self) -> Sequence[Call]:
        return [call("listings", Urgency.MARKET, weight=20)]

    def market_id(self, instrument: Instrument) -> str:
        return instrument.symbol.replace("/", "")

    def read_listings(self, answers: Sequence[Answer], *, venue: str, account: str) -> Sequence[Listed]:
        return self.listed

    def published_limits(self, answers: Sequence[Answer]) -> Sequence[RateLimit]:
        return []

    def time(self) -> Call:
        return call("time")

    def read_time(self, answer: Answer) -> int:
        return int(_read(answer)["time"])

    def permissions(self) -> Call:
        return call("permissions")

    def read_permissions(self, answer: Answer) -> Permissions:
        return Permissions(trade=_read(answer)["trade"], withdraw=_read(answer)["withdraw"])

    def place(self, order: OrderEvent, listed: Listed) -> Call:
        return call("place", Urgency.ORDER, orders=1, id=order.order_id)

    def amend(self, amend: AmendEvent, listed: Listed) -> Call:
        raise Unsupported("bench: orders cannot be amended")

    def cancel(self, order_id: str, listed: Listed, *, stop: bool) -> Call:
        return call("cancel_stop" if stop and self.separate_stops else "cancel", Urgency.CANCEL, id=order_id)

    def verdict(self, answer: Answer, *, order_id: str, listed: Listed) -> Verdict:
        body = json.loads(answer.body)
        if "code" in body:
            marks = {name: True for name in ("clock", "stale_terms", "key") if name in body}
            return Verdict(outcome=Outcome.REJECTED, code=str(body["code"]), reason=body["msg"], **marks)
        return Verdict(outcome=Outcome.ACCEPTED, heard=(heard_order(order_id), *map(_fill, body.get("fills", ()))))

    def order(self, order_id: str, listed: Listed) -> Sequence[Call]:
        return [call("order", id=order_id), call("algo_order", id=order_id)]

    def read_order(self, answer: Answer, listed: Listed) -> HeardOrder | None:
        body = _read(answer)
        return heard_order(body["id"], OrderStatus(body["status"])) if body else None

    def open_orders(self) -> Sequence[Call]:
        return [call("open_orders")]

    def read_open_orders(self, answer: Answer) -> Sequence[HeardOrder]:
        return [heard_order(each) for each in _read(answer)]

    def cancel_became(self, venue_order_id: str, listed: Listed) -> Call | None:
        return call("cancel", Urgency.CANCEL, id=venue_order_id) if self.separate_stops else None

    def further_open_orders(self, answer: Answer) -> Call | None:
        return None

    def funding(self, listed: Listed, since: int, after: str) -> Call | None:
        return None

    def read_funding(self, answer: Answer) -> tuple[Sequence[HeardFill], str]:
        return (), ""

    def my_trades(self, listed: Listed, since: int, after: str) -> Call:
        return call("my_trades", since=since, after=after)

    def read_my_trades(self, answer: Answer) -> tuple[Sequence[HeardFill], str]:
        return [_fill(each) for each in _read(answer)["trades"]], _read(answer)["after"]

    def balances(self) -> Call:
        return call("balances")

    def read_balances(self, answer: Answer) -> dict[str, Decimal]:
        return {asset: Decimal(total) for asset, total in _read(answer).items()}

    def positions(self) -> Call | None:
        return None

    def read_positions(self, answer: Answer) -> dict[str, tuple[Decimal, Decimal | None]]:
        raise AssertionError("a spot venue has no positions")

    def book(self, listed: Listed, depth: int) -> Call:
        return call("book", Urgency.MARKET, weight=50, market=listed.market_id)

    def read_book(self, answer: Answer, market_id: str) -> HeardBook:
        body = _read(answer)
        return book(last=body["last"], bids=body["bids"], asks=body["asks"], market_id=market_id)

    def bars(self, listed: Listed, interval: str, start: int, end: int) -> Call:
        return call("bars", Urgency.MARKET, start=start, end=end)

    def read_bars(self, answer: Answer, listed: Listed, interval: str) -> Sequence[HeardBar]:
        return [bar(start) for start in _read(answer)]

    def trades(self, listed: Listed, start: int, end: int, after: str) -> Call:
        return call("trades", Urgency.MARKET, after=after)

    def read_trades(self, answer: Answer, listed: Listed) -> tuple[Sequence[HeardTrade], str]:
        return [trade(int(each), at=START + int(each)) for each in _read(answer)["ids"]], _read(answer)["after"]

    def hear(self, message: Any) -> Any:
        for heard in message:
            if isinstance(heard, Exception):
                raise heard
            yield heard

    def usage(self, answer: Answer) -> Sequence[Usage]:
        used = answer.headers.get("used")
        return [Usage(name="weight", used=int(used), window_ns=60 * SECOND)] if used else []

    def wait_s(self, answer: Answer) -> float | None:
        said = answer.headers.get("retry-after")
        return float(said) if said else None

    def refuses_for_pace(self, answer: Answer) -> bool:
        return answer.status in (418, 429)


class Bench:
    """A connector on its wire; `run` connects, runs a test's work and closes."""

    def __init__(self, **settings: Any) -> None:
        self.time = Time()
        self.wire = BenchWire(self.time)
        self.dialect = BenchDialect()
        self.settings = settings
        self.wire.usual = {
            "listings": (200, []),
            "time": lambda _: (200, {"time": self.time.now()}),
            "place": (200, {}),
            "cancel": (200, {}),
            "book": (200, {"last": 10, "bids": [["99", "1"]], "asks": [["101", "1"]]}),
        }

    def run(self, work: Callable[[VenueConnector], Coroutine[Any, Any, T]]) -> T:
        async def whole() -> T:
            self.venue = VenueConnector(
                "bench",
                wire=self.wire,
                dialect=self.dialect,
                clock=self.time,
                sleep=self.time.sleep,
                random=lambda: 0.5,
                **self.settings,
            )
            await self.venue.connect()
            try:
                return await work(self.venue)
            finally:
                await self.venue.close()

        return self.time.run(whole)

    def taken(self) -> list[Event]:
        """Everything heard and not yet taken."""
        events = []
        while (event := self.venue.backlog.get_nowait()) is not None:
            events.append(event)
        return events


def order(order_id: str = "a1", *, price: str | None = "100", quantity: str = "0.1", **changes: Any) -> ApprovedOrder:
    """A limit order to buy, or a market order without a price."""
    values: dict[str, Any] = {
        "order_id": order_id,
        "strategy_id": "s",
        "role": Role.ENTRY,
        "instrument": BTC,
        "side": Side.BUY,
        "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
        "quantity_raw": int(Decimal(quantity).scaleb(BTC.quantity_places)),
        "price_raw": None if price is None else int(Decimal(price).scaleb(BTC.price_places)),
        "time_in_force": TimeInForce.GTC,
    }
    return ApprovedOrder(OrderEvent("engine", 1, START, START, **{**values, **changes}))


def cancel(order_id: str = "a1") -> CancelEvent:
    return CancelEvent("engine", 2, START, START, order_id=order_id, strategy_id="s", instrument=BTC)


def heard_order(
    order_id: str, status: OrderStatus = OrderStatus.ACKNOWLEDGED, market_id: str = "BTCUSDT"
) -> HeardOrder:
    return HeardOrder(market_id=market_id, order_id=order_id, venue_order_id=f"v-{order_id}", status=status, at=START)


def _fill(trade_id: str) -> HeardFill:
    return fill(trade_id)


def fill(trade_id: str, order_id: str = "a1", at: int = START) -> HeardFill:
    return HeardFill(
        market_id="BTCUSDT",
        order_id=order_id,
        venue_order_id=f"v-{order_id}",
        trade_id=str(trade_id),
        side=Side.BUY,
        quantity="0.1",
        price="100",
        fee="0.0001",
        fee_currency="BTC",
        maker=False,
        at=at,
    )


def trade(number: int, market_id: str = "BTCUSDT", at: int = 0) -> HeardTrade:
    return HeardTrade(market_id, "100", "1", at, Side.BUY, str(number), number)


def quote(bid: str = "99", ask: str = "101", market_id: str = "BTCUSDT") -> HeardQuote:
    return HeardQuote(market_id, bid, "1", ask, "1", 0)


def bar(start: int) -> HeardBar:
    return HeardBar(
        market_id="BTCUSDT",
        start=start,
        interval_ns=60 * SECOND,
        open="100",
        high="101",
        low="99",
        close="100",
        volume="1",
        closed=True,
    )


def book(
    *, last: int, bids: Any = (), asks: Any = (), first: int | None = None, market_id: str = "BTCUSDT"
) -> HeardBook:
    """A difference from `first`, or a snapshot without it."""
    return HeardBook(
        market_id=market_id,
        bids=tuple((price, size) for price, size in bids),
        asks=tuple((price, size) for price, size in asks),
        at=0,
        snapshot=first is None,
        first=first,
        last=last,
    )


def end(reason: str = "eventStreamTerminated") -> HeardEnd:
    return HeardEnd(reason=reason)


def lost() -> WireBroken:
    return WireBroken("connection reset", reached=True)


def never_sent() -> WireBroken:
    return WireBroken("connection refused", reached=False)


def _read(answer: Answer) -> Any:
    try:
        body = json.loads(answer.body)
    except ValueError:
        raise DataError(f"bench: expected JSON, got {answer.body[:20]!r}") from None
    if answer.status >= 400:
        raise DataError(f"bench: refused: {body}")
    return body
