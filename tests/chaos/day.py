"""One trading day under a schedule of troubles, on virtual time, and a verdict on everything that must hold."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from tests.chaos.deeds import DEEDS, LASTS_S, REST_S, RESTS_S, Undo
from tests.chaos.schedules import Schedule, Trouble
from tests.faults.bench import HAND, Stand
from tests.faults.invariants import Watcher
from tests.faults.street import MID
from tests.faults.virtual import VirtualLoop
from workbench.connectors.breaker import PAUSE_NS
from workbench.core.clock import SECOND
from workbench.core.errors import Refused, VenueRejected, VenueUnavailable, WorkbenchError
from workbench.core.events import OrderUpdate, Rearm, SetParameters
from workbench.core.order import OrderStatus
from workbench.data.reader import JournalReader
from workbench.runtime.settle import ANSWER_S, LAG_NS, LAST_S, SKEW_NS
from workbench.twin.limits import Limits, OrderRule
from workbench.twin.opening import MAIN
from workbench.twin.words import Execution, Order, Refusal

SYMBOLS = ("BTC/USDT", "ETH/USDT")
PURSE = {"USDT": Decimal(100_000), "BNB": Decimal(20)}  # what is not there cannot be sold
LIMIT = "990"  # of a position, in USDT: sixteen thousandths fit at any price of the day
WIDE = Limits(orders=(OrderRule(2_000, 10),), weight=60_000)
TICK_S = 0.1
CALM_TICK_S = 0.5
TAKEN = 0.3  # how often a tick brings a taker
PASSER_BY = "passer-by"
LOOKS_S = 2.0  # how often the operator looks at the run
REVIVED_S = 0.5  # after which a process that ended is started again
DAY_S = 300.0  # of the computer's time: a day takes ten of them on an idle machine
READY_S = 10.0  # after the last trouble
HEALED_S = 60.0  # by then the last dead socket was noticed too: three pings that are ten seconds apart, and a dial
UNKNOWN_NS = SKEW_NS + LAG_NS + round((ANSWER_S + 2 * LAST_S) * SECOND)  # beyond the venue's own bounds
WINDOW_NS = 60 * SECOND  # that questions may wait for where the venue's limits are narrow


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a day came to."""

    seed: int
    violations: tuple[str, ...]
    orders: int = 0
    fills: int = 0
    lives: int = 0
    unknown: int = 0  # orders whose fate was unknown for a while
    ready_s: float = 0.0  # after the last trouble
    hits: dict[str, int] = {}
    kept: str = ""  # where journal and logs of a day with violations are


class Witness(Watcher):
    """As the watcher of a stand, with fees in kind.

    What a venue fills after it ended an order is its own doing; what others sell by hand makes room for us.
    """

    def __init__(self, stand: Stand, prices: Mapping[str, Decimal] | None = None) -> None:
        super().__init__(stand)
        self._prices = prices or dict.fromkeys(SYMBOLS, MID)
        self._late: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._held: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._sold_by_hand: defaultdict[str, Decimal] = defaultdict(Decimal)

    def __call__(self, event: Any) -> None:
        if isinstance(event, Execution) and event.trade is not None and event.order.account == MAIN:
            by_hand = self._stand.is_foreign(event.order.client_id)
            if by_hand and event.trade.side == "SELL":
                self._sold_by_hand[event.order.wanted.symbol] += event.trade.print.quantity
        super().__call__(event)

    def _exposed(self, event: Execution) -> None:
        order, symbol = event.order, event.order.wanted.symbol
        if event.trade is not None:
            quantity, bought = event.trade.print.quantity, event.trade.side == "BUY"
            self._held[symbol] += quantity if bought else -quantity
            if event.trade.commission_asset == symbol.split("/")[0]:
                self._held[symbol] -= event.trade.commission
            if order.order_id not in self._open:
                self._late[symbol, event.trade.side] += quantity
        self._open.pop(order.order_id, None)
        if order.open:
            self._open[order.order_id] = order
        self._compare(symbol)

    def _compare(self, symbol: str) -> None:
        held, late = self._held[symbol], self._late
        resting: defaultdict[str, Decimal] = defaultdict(Decimal)
        for each in self._open.values():
            if each.wanted.symbol == symbol:
                resting[each.wanted.side] += each.remaining
        self.most = max(self.most, held + resting["BUY"])
        ours = held + resting["BUY"] - late[symbol, "BUY"] - self._sold_by_hand[symbol]
        if ours * self._prices[symbol] > Decimal(LIMIT):
            self.wrong.append(f"exposure of {held} and {resting['BUY']} on its way of {symbol} is above {LIMIT} USDT")
        if held + late[symbol, "SELL"] < 0:
            self.wrong.append(f"sold {-held} {symbol} more than was bought")


class Day(Stand):
    """A stand with a restless strategy, an operator who re-arms it, and a supervisor who starts it again."""

    def __init__(self, schedule: Schedule) -> None:
        times = schedule.times
        restless = {
            "id": HAND,
            "strategy": "tests.chaos.strategies:Restless",
            "symbols": [f"binance:{each}" for each in SYMBOLS],
            "on": list(schedule.topics),
            "parameters": {"seed": schedule.seed, "patience": schedule.patience},
        }
        super().__init__(
            symbols=SYMBOLS,
            risk={"max_position_notional": LIMIT, "max_rejections_per_minute": 200},
            venue={"recv_window_ms": times.recv_window_ms, "max_accept_delay_ms": times.max_accept_delay_ms},
            config={
                "strategies": [restless],
                "reconcile": {"orders_s": 5.0, "trades_s": 5.0, "balances_s": 5.0},
            },
            purse=PURSE,
            street=False,
            started=False,
            seed=schedule.seed,
            limits=WIDE if schedule.generous else None,
        )
        self.schedule, self.symbols = schedule, SYMBOLS
        self.ready_s = 0.0
        self._undo: list[Undo] = []
        self._calm = False
        self._killing, self._killed = asyncio.Lock(), 0

    def ours_open(self) -> list[Order]:
        """Our open orders as the venue knows them."""
        return [each for each in self.ours() if each.open]

    async def kill(self) -> None:
        """Ends the present life, once: a crash and the supervisor may both want to."""
        async with self._killing:
            if self._killed < self._lives:
                self._killed = self._lives
                await super().kill()

    # --- the day ----------------------------------------------------------------------------------

    async def play(self) -> None:
        """Lives through all troubles, and then through a quiet end."""
        self.watcher = Witness(self)
        await self.start(ready=False)
        others = [asyncio.create_task(each) for each in (self._trades(), self._supervises(), self._operates())]
        try:
            await asyncio.gather(*(self._trouble(each) for each in self.schedule.troubles))
            await self._quiet_end()
        finally:
            for each in others:
                each.cancel()
            ends = await asyncio.gather(*others, return_exceptions=True)
            self.watcher.wrong += [f"the day itself failed: {each!r}" for each in ends if isinstance(each, Exception)]

    async def _quiet_end(self) -> None:
        loop = asyncio.get_running_loop()
        self.twin.faults.clear()
        began, allowed = loop.time(), READY_S + self._pauses_s()
        await self.until(self._is_ready, "ready after the last trouble", seconds=allowed, dies=True)
        self.ready_s = loop.time() - began
        await asyncio.sleep(READY_S)  # it goes on trading
        self._calm = True
        await self.until(self._is_calm, "calm", dies=True)
        await asyncio.sleep(HEALED_S)
        await self.until(lambda: self.run.status()["state"] == "ready", "ready in every respect")

    def shown(self) -> str:
        """Where things stand, in one line."""
        if self.run.engine is None:
            return "no engine yet"
        status, engine = self.run.status(), self.engine
        told = {
            name: status[name] for name in ("state", "unknown_orders", "open_orders", "market_data_age_s", "locked")
        }
        return f"{told}; links {engine.gate.links}; stale {engine.view.stale}"

    def _pauses_s(self) -> float:
        """How long the run has to keep still by its own rules when the troubles end."""
        if self.run.engine is None or not self.run._reaches:
            return PAUSE_NS / SECOND
        connector: Any = self.run._reaches[0].connector
        now = self.clock.now()
        waits = connector._breaker._until or 0, connector.limiter.held_until
        return max(0.0, *((each - now) / SECOND for each in waits))

    def _is_calm(self) -> bool:
        if self.run.engine is None:
            return False
        return bool(self.engine.portfolio.traders[HAND].strategy.params.calm)

    async def _trouble(self, trouble: Trouble) -> None:
        await asyncio.sleep(trouble.start_s)
        if trouble.fault is not None:
            number = self.twin.faults.add(trouble.fault)
            await asyncio.sleep(trouble.end_s - trouble.start_s)
            self.twin.faults.clear(number)
        else:
            await self._deeds(trouble)

    async def _deeds(self, trouble: Trouble) -> None:
        loop = asyncio.get_running_loop()
        dice = random.Random(trouble.dice)
        end = loop.time() + trouble.end_s - trouble.start_s
        while loop.time() < end:
            undo = await DEEDS[trouble.kind](self, dice)
            if undo is not None:
                await asyncio.sleep(min(dice.uniform(*LASTS_S), end - loop.time()))
                undo()
            await asyncio.sleep(min(dice.uniform(*RESTS_S.get(trouble.kind, REST_S)), max(0.0, end - loop.time())))

    # --- who is there besides -----------------------------------------------------------------------

    async def _trades(self) -> None:
        """The market ticks, and somebody takes what stands best: an order of ours inside the spread does not stay."""
        dice = random.Random(f"crowd/{self.schedule.seed}")
        while True:
            await asyncio.sleep(CALM_TICK_S if self._calm else TICK_S)
            with suppress(Refusal):  # halted
                self.street.tick()
                if dice.random() < TAKEN:
                    side, quantity = dice.choice(("BUY", "SELL")), Decimal(dice.randint(1, 40)) / 10_000
                    self.street.place(dice.choice(SYMBOLS), side, quantity, account=PASSER_BY)

    async def _supervises(self) -> None:
        """Starts the process again; it may end by a crash, or at its start by a venue that is out of reach."""
        while True:
            await asyncio.wait({self.task})
            if not self.task.cancelled():
                error = self.task.exception()
                self.log.lines.append(f"the run ended: {error!r}")
                if self.run.engine is not None or not isinstance(error, (VenueUnavailable, VenueRejected, Refused)):
                    self.watcher.wrong.append(f"the run ended: {error!r}")
            await self.kill()
            await asyncio.sleep(REVIVED_S)
            await self.start(ready=False)

    async def _operates(self) -> None:
        """Looks at the run from time to time, re-arms what is latched, and ends the day's trading."""
        while True:
            await asyncio.sleep(LOOKS_S)
            if self.run.engine is None:
                continue
            gate = self.engine.gate
            if gate.reducing or gate.locked or gate.halted:
                self.tell(Rearm, reason="looked at")
            if self._calm and not self._is_calm():
                self.tell(SetParameters, strategy_id=HAND, values={"calm": True})

    # --- the verdict ------------------------------------------------------------------------------

    async def verdict(self) -> Verdict:
        """What must hold, and what happened on the way."""
        wrong: list[str] = []
        try:
            await self.play()
            await self.check()
        except AssertionError as problem:
            wrong = [*str(problem).splitlines(), *self.watcher.wrong]
        except WorkbenchError as problem:  # such as a journal that does not replay
            wrong = [repr(problem), *self.watcher.wrong]
        doubts = list(self._doubts()) if self.run.engine is not None else []
        bound = (
            UNKNOWN_NS
            + (0 if self.schedule.generous else WINDOW_NS)
            + (self.schedule.times.recv_window_ms + self.schedule.times.max_accept_delay_ms) * 1_000_000
        )
        wrong += [
            f"order {order_id}: its fate was unknown for {lasted / SECOND:.1f} s"
            for order_id, lasted in doubts
            if lasted > bound
        ]
        return Verdict(
            seed=self.schedule.seed,
            violations=tuple(dict.fromkeys(wrong)),
            orders=len(self.ours()),
            fills=len(self.twin.truth().trades),
            lives=self._lives,
            unknown=len(doubts),
            ready_s=self.ready_s,
            hits=dict(Counter(each.action.value for each in self.twin.faults.log)),
            kept=self._keep() if wrong else "",
        )

    def _doubts(self) -> Iterator[tuple[str, int]]:
        """Orders whose fate was unknown, and for how long after the last moment when the venue could not be asked."""
        journal = self.run._journal
        assert journal is not None
        journal.close_frame()
        since: dict[str, int] = {}
        for each in JournalReader(self.state / "journal").records():
            if not isinstance(each, OrderUpdate):
                continue
            if each.old is OrderStatus.UNKNOWN and each.order_id in since:
                start = since.pop(each.order_id)
                yield each.order_id, each.ts_event - max(start, self._asked_in_vain(each.ts_event))
            if each.new is OrderStatus.UNKNOWN:
                since[each.order_id] = each.ts_event

    def _asked_in_vain(self, until: int) -> int:
        """The end of the last trouble before an instant that kept questions from being answered."""
        began = self.clock.now() - round(asyncio.get_running_loop().time() * SECOND)
        ends = [began + round(each.end_s * SECOND) for each in self.schedule.troubles if each.hinders]
        starts = [began + round(each.start_s * SECOND) for each in self.schedule.troubles if each.hinders]
        return max((min(end, until) for start, end in zip(starts, ends, strict=True) if start < until), default=0)

    def _keep(self) -> str:
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{self.schedule.seed}-"))
        shutil.copytree(self._folder, folder, dirs_exist_ok=True)
        (folder / "log").write_text("\n".join(self.log.lines), encoding="utf-8")
        return str(folder)


def lived(schedule: Schedule) -> Verdict:
    """The verdict on a day, which passes in some seconds."""

    async def live() -> Verdict:
        import ccxt  # its own clock counts pings: it has to go as fast as ours

        async with Day(schedule) as day:
            with patch.object(ccxt.Exchange, "milliseconds", staticmethod(lambda: day.clock.now() // 1_000_000)):
                return await day.verdict()

    with asyncio.Runner(loop_factory=_patient) as runner:
        return runner.run(live())


def _patient() -> VirtualLoop:
    """A loop for a whole day, on a machine that has other things to do."""
    loop = VirtualLoop()
    loop._gives_up = time.monotonic() + DAY_S
    return loop
