"""A venue in its own process and a live run in this one, with a note of every instant on an order's way out."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.benchmarks.storm import SYMBOLS
from tests.benchmarks.strategies import Flips
from workbench.connectors.ccxt_exchange import CcxtWire
from workbench.connectors.clock import VenueTime
from workbench.connectors.dialects.binance import BinanceDialect
from workbench.connectors.venue import VenueConnector
from workbench.connectors.wire import Answer, Call
from workbench.connectors.wirelog import WireLog
from workbench.core.clock import Clock
from workbench.core.events import Event, MarketDataEvent, OrderEvent, Quote, Rearm
from workbench.core.instrument import Instrument, account_key
from workbench.core.ports import Sink
from workbench.core.secret import Credentials, Secret
from workbench.runtime.config import Config
from workbench.runtime.live import LiveRun
from workbench.runtime.service import SteadyClock
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import Reach

ROOT = Path(__file__).parents[2]
KEYS = Credentials(Secret("twin-key"), Secret("twin-secret"))
PATIENCE_S = 120.0  # of a machine that has other things to do
LINE = 1 << 26  # bytes of the longest answer: the truth about many thousand orders
VALIDITY_NS = 15 * 10**9


class Venue:
    """The exchange of `storm.py`; `async with` starts and ends its process."""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.benchmarks.storm",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE,
        )
        said = await self._answer()
        self.rest, self.streams = str(said["rest"]), str(said["streams"])
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def ask(self, do: str, **terms: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **terms}).encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the exchange has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


class Way:
    """When an order that a tick caused was where, by its id, on the run's clock (ns)."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.now
        self._thought: dict[int, int] = {}  # by the tick's number
        self.heard: dict[str, int] = {}
        self.thought: dict[str, int] = {}
        self.journalled: dict[str, int] = {}
        self.asked: dict[str, int] = {}
        self.left: dict[str, int] = {}
        Flips.thinks = staticmethod(self._thinks)

    def _thinks(self, event: MarketDataEvent) -> None:
        self._thought[event.sequence] = self._now()

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears, as a sink of the run, of each order once it is written down."""
        if isinstance(event, Quote):
            for each in consequences:
                if isinstance(each, OrderEvent) and event.sequence in self._thought:
                    self.heard[each.order_id] = event.ts_init
                    self.thought[each.order_id] = self._thought[event.sequence]
                    self.journalled[each.order_id] = self._now()

    def between(self, first: Mapping[str, int], then: Mapping[str, int]) -> list[int]:
        """How long each order took from one place to another."""
        return [then[each] - first[each] for each in self.heard if each in first and each in then]


_ORDER: ContextVar[str] = ContextVar("order", default="")


class NotedWire:
    """A wire that notes when an order is handed to it, and when its request has left."""

    def __init__(self, wire: CcxtWire, way: Way, now: Callable[[], int]) -> None:
        self._wire, self._way, self._now = wire, way, now
        self.subscribe, self.receive = wire.subscribe, wire.receive
        self.reconnect, self.close = wire.reconnect, wire.close
        self._traced = False

    async def open(self) -> None:
        await self._wire.open()
        if not self._traced:
            self._traced = True
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(self._left)
            trace.freeze()
            self._wire._session.trace_configs.append(trace)

    async def call(self, call: Call) -> Answer:
        if call.endpoint != "privatePostOrder":
            return await self._wire.call(call)
        order_id = call.params["newClientOrderId"]
        self._way.asked[order_id] = self._now()
        token = _ORDER.set(order_id)
        try:
            return await self._wire.call(call)
        finally:
            _ORDER.reset(token)

    async def _left(self, *_: Any) -> None:
        if _ORDER.get():
            self._way.left.setdefault(_ORDER.get(), self._now())


class Desk:
    """A live run on a venue; `async with` starts it, waits until it is ready, and ends it in good order."""

    def __init__(
        self, folder: Path, venue: Any, strategies: Sequence[Mapping[str, Any]], *, sinks: Sequence[Sink] = ()
    ) -> None:
        self.clock = SteadyClock()
        self.way = Way(self.clock)
        self.state = StateFolder(folder)
        self.lags: list[int] = []  # ns
        self._urls = venue.rest, venue.streams
        config = Config.model_validate(
            {
                "environment": "dev",
                "live": {"enabled": True},
                "cash": "1000000",
                "venues": {"binance": {"connector": "ccxt", "credentials": "secret://env/TWIN"}},
                "strategies": [{"symbols": [f"binance:{each}" for each in SYMBOLS], **each} for each in strategies],
            }
        )
        self.run = LiveRun(
            config,
            self.state,
            connect=lambda _, recorded: [self._reach(recorded.instruments if recorded else ())],
            releases=folder / "releases",
            clock=self.clock,
            sinks=[self.way, *sinks],
        )

    async def __aenter__(self) -> Self:
        began = self.clock.now()
        self.task = asyncio.create_task(self.run.run())
        await self.until(lambda: self.run.engine is not None and not self.run.starting)
        await self.until(lambda: self.run._inlet.taken and not self.run.engine.gate.links)
        self.ready_ns = self.clock.now() - began
        return self

    async def __aexit__(self, *_: object) -> None:
        self.run.inbox.stop()
        await asyncio.wait([self.task], timeout=PATIENCE_S)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def ledger(self) -> Any:
        assert self.run.engine is not None
        return self.run.engine.ledger

    async def until(self, holds: Callable[[], Any], *, step_s: float = 0.01) -> None:
        """Returns once something holds; fails where it never does, or the run ends meanwhile."""
        end = asyncio.get_running_loop().time() + PATIENCE_S
        while not holds():
            if self.task.done():
                self.task.result()
            assert not self.task.done(), "the run has ended"
            assert asyncio.get_running_loop().time() < end, self.run.status() if self.run.engine else "not started"
            await asyncio.sleep(step_s)

    async def rearm(self) -> None:
        """Takes the halt latch off; returns once it is."""
        now = self.clock.now()
        self.run.inbox.put(Rearm("operator", now, now, now, reason="the drill is over"))
        await self.until(lambda: self.state.halt_reason() is None)

    async def quiet(self) -> None:
        """Returns once all that came in is taken and the end of every order is booked."""
        await self.until(lambda: self.run._inlet.empty and not self.ledger.living)

    def _reach(self, known: Sequence[Instrument]) -> Reach:
        now = self.clock.now
        time = VenueTime()
        rest, streams = self._urls
        wire = CcxtWire(
            "binance",
            credentials=KEYS,
            rest_url=rest,
            stream_url=streams,
            clock_offset=lambda: time.offset_ns,
            now=now,
        )
        connector = VenueConnector(
            "binance",
            wire=NotedWire(wire, self.way, now),
            dialect=BinanceDialect(),
            symbols=SYMBOLS,
            clock=self.clock,
            log=WireLog(self.state.path / "wire.log", secrets=[KEYS.key, KEYS.secret]),
            time=time,
            instruments={each.key: each for each in known},
            spill=self.state.path / "spill",
        )
        return Reach(account_key("binance", "main"), "main", connector, VALIDITY_NS)
