"""A stand for fault tests: a local exchange and a live run in one loop, a market that ticks, and what must always hold.

async with Stand() as stand:                 # in an `async def test_…`: conftest.py runs it on virtual time
    stand.fault("rest", "drop_after", "POST /api/v3/order")
    stand.say(quantity="0.01")
    await stand.until(lambda: stand.held() == Decimal("0.01"), "the target is reached")
    await stand.check()
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from tests.faults.invariants import KEY, SECRET, Watcher, complaints
from tests.faults.killable import Process
from tests.faults.street import MID, SPREAD, Street
from tests.faults.virtual import VirtualClock, VirtualLoop
from workbench.core.clock import Clock
from workbench.core.events import Command, Event, MarketDataEvent, OrderUpdate, RiskEvent, SetParameters, Timer
from workbench.core.ledger import Ledger, OrderState
from workbench.core.money import to_decimal
from workbench.core.order import OrderStatus
from workbench.core.secret import Secret
from workbench.runtime.config import Config
from workbench.runtime.live import LiveRun
from workbench.runtime.plan import Plan
from workbench.runtime.service import SteadyClock
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import Reach, reaches
from workbench.trading.engine import Engine
from workbench.twin.actions import Action, Where
from workbench.twin.faults import Fault
from workbench.twin.mischief import Mischief
from workbench.twin.opening import MAIN, Opening
from workbench.twin.server import LocalExchange

PURSE = {"USDT": Decimal(100_000), "BNB": Decimal(20)}
HAND = "hand"  # the strategy where there is one
SYMBOL = "BTC/USDT"
PATIENCE_S = 30.0  # of the run's own time: beyond every bound that a test asks about
LIMIT = "900"  # of the position, in USDT: one order of 0.01 fits, two do not

_DOUBTFUL = frozenset(
    {OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, OrderStatus.CANCEL_PENDING, OrderStatus.AMEND_PENDING}
)


class Stand:
    """A venue and a run on it; `async with` opens both and waits until the run is ready.

    `config` overlays the run's configuration, section by section; `venue` and `risk` do so for these sections. The
    rest is for `LocalExchange`. With `started` off nothing but the exchange is up until `start()`.
    """

    def __init__(
        self,
        *,
        symbols: Sequence[str] = (SYMBOL,),
        on: Sequence[str] = ("quotes",),
        hands: Sequence[str] = (HAND,),
        mid: Decimal = MID,
        spread: Decimal = SPREAD,
        risk: Mapping[str, Any] | None = None,
        venue: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        purse: Mapping[str, Decimal] = PURSE,
        street: bool = True,
        started: bool = True,
        clock: Clock | None = None,
        **exchange: Any,
    ) -> None:
        on_virtual_time = isinstance(asyncio.get_running_loop(), VirtualLoop)
        self.clock = clock or (VirtualClock() if on_virtual_time else SteadyClock())
        account = Opening(balances=purse, key=KEY, secret=Secret(SECRET))
        self.twin = LocalExchange(**({"accounts": (account,), "clock": self.clock} | exchange))
        self.street = Street(self.twin, symbols, mid=mid, spread=spread)
        self.mischief = Mischief(self.twin)
        self.log = _Log()
        self.heard: list[Event] = []  # what the run took in and what followed, market data and timers left out
        self.strangers: set[str] = set()  # client ids on our account that others sent
        self._symbols, self._on, self._hands = symbols, on, hands
        self._risk = {"max_position_notional": LIMIT} | dict(risk or {})
        self._venue, self._config = dict(venue or {}), dict(config or {})
        self._street_lives, self._starts = street, started
        self._folder = Path(tempfile.mkdtemp(prefix="stand-"))
        self._lives = 0
        self._scripts: dict[str, dict[str, dict[str, Any]]] = {}  # hand -> symbol -> what it says
        self._commands = 0
        self._ticking: asyncio.Task[None] | None = None

    # --- what it stands on ------------------------------------------------------------------------

    @property
    def exchange(self) -> Any:
        """The exchange itself; a restart may make a new one."""
        return self.twin.exchange

    @property
    def engine(self) -> Engine:
        assert self.run.engine is not None
        return self.run.engine

    @property
    def ledger(self) -> Ledger:
        return self.engine.ledger

    @property
    def orders(self) -> list[OrderState]:
        """Our orders, oldest first."""
        return list(self.ledger.orders.values())

    @property
    def order(self) -> OrderState:
        """Our newest order."""
        return self.orders[-1]

    def held(self, symbol: str = SYMBOL, venue: str = "binance") -> Decimal:
        """What our strategies hold, by our books."""
        key = f"{venue}:{symbol}"
        return to_decimal(self.ledger.net(key), self.ledger.instruments[key].quantity_places)

    def steps(self, order: OrderState | str) -> list[OrderStatus]:
        """The statuses that an order went through, in order."""
        name = order if isinstance(order, str) else order.order.order_id
        return [each.new for each in self.heard if isinstance(each, OrderUpdate) and each.order_id == name]

    def told(self, rule: str) -> list[RiskEvent]:
        """What risk did by a rule."""
        return [each for each in self.ledger.refusals if each.rule == rule]

    def ours(self, account: str = MAIN) -> list[Any]:
        """Our orders as the venue knows them, oldest first; those of others are left out."""
        return [each for each in self.twin.truth(account).orders if not self.is_foreign(each.client_id)]

    def is_foreign(self, client_id: str) -> bool:
        """Whether an order on our account was sent by somebody else."""
        return client_id in self.strangers or client_id.startswith("web_")

    # --- opening and closing ----------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().set_task_factory(Process.born)
        await self.twin.open()
        self.street.open()
        self.watcher = Watcher(self)
        if self._street_lives:
            self._ticking = asyncio.create_task(self.street.live())
        if self._starts:
            await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        await self.kill()
        await self.twin.close()
        self.log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def start(self, *, ready: bool = True) -> None:
        """Starts a run on the state of the one before, if there was one; returns once it is ready."""
        self._lives += 1
        self.run = self.made()
        self.process = Process()
        self.task = self.process.start(self.run.run())
        if ready:
            await self.ready()

    def made(self, folder: Path | None = None) -> LiveRun:
        """A run on this venue, on the stand's own state or another."""
        state = StateFolder(folder or self.state)

        def connect(config: Config, recorded: Plan | None) -> Sequence[Reach]:
            known = recorded.instruments if recorded else ()
            return reaches(config, clock=self.clock, folder=state.path, instruments=known)

        return LiveRun(self.config(), state, connect=connect, releases=Path("releases"), clock=self.clock, sinks=[self])

    @property
    def state(self) -> Path:
        """The state directory of the run's present life."""
        return self._folder / f"life-{self._lives}"

    @property
    def files(self) -> list[Path]:
        """Every file that any life of the run has written."""
        return [each for each in sorted(self._folder.rglob("*")) if each.is_file() and each.name != "key"]

    def config(self) -> Config:
        """The run's configuration: short validity, fast reconciliation."""
        key = self._folder / "key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(f"key={KEY}\nsecret={SECRET}\n")
        venue = {
            "connector": "ccxt",
            "exchange": "binance",
            "rest_url": self.twin.rest_url,
            "stream_url": self.twin.stream_url,
            "credentials": f"secret://file{key}",
            "recv_window_ms": 500,
            "max_accept_delay_ms": 500,
        }
        hands = [
            {
                "id": each,
                "strategy": "tests.faults.strategies:Scripted",
                "symbols": [f"binance:{symbol}" for symbol in self._symbols],
                "on": list(self._on),
            }
            for each in self._hands
        ]
        sections: dict[str, Any] = {
            "environment": "dev",
            "live": {"enabled": True},
            "venues": {"binance": venue | self._venue},
            "strategies": hands,
            "risk": self._risk,
            "reconcile": {"orders_s": 5.0, "trades_s": 2.0, "balances_s": 10.0},
        }
        for name, section in self._config.items():
            sections[name] = sections[name] | section if isinstance(sections.get(name), dict) else section
        return Config.model_validate(sections)

    async def stop(self) -> None:
        """Asks the run to end in good order and waits until it has."""
        self.run.inbox.stop()
        async with asyncio.timeout(PATIENCE_S):
            await self.task

    async def kill(self) -> None:
        """Ends the run as `kill -9` would: nothing it would still do counts, its disk stays as it was this instant."""
        if not self._lives:
            return
        left = self._folder / f"life-{self._lives + 1}"
        if self.state.exists():
            shutil.copytree(self.state, left, ignore=shutil.ignore_patterns("LEASE*"))
        await self.process.kill()

    async def kill_and_restart(self, *, ready: bool = True) -> None:
        """Kills the run and starts it again on what its disk held."""
        await self.kill()
        await self.start(ready=ready)

    # --- playing ----------------------------------------------------------------------------------

    def say(self, *, symbol: str = SYMBOL, hand: str = HAND, **target: str | int) -> None:
        """A strategy wants this target from now on: quantity or ppm, and limit or stop, amounts as text."""
        self._says(hand, {"symbol": symbol, **target})

    def quote(
        self,
        *,
        bids: Sequence[tuple[str, str]] = (),
        asks: Sequence[tuple[str, str]] = (),
        symbol: str = SYMBOL,
        hand: str = HAND,
    ) -> None:
        """A strategy wants these quotes from now on: (price, quantity) as text, best first."""
        self._says(hand, {"symbol": symbol, "bids": bids, "asks": asks})

    def _says(self, hand: str, opinion: dict[str, Any]) -> None:
        script = self._scripts.setdefault(hand, {})
        script[opinion["symbol"]] = opinion
        self.tell(SetParameters, strategy_id=hand, values={"script": json.dumps(list(script.values()))})

    def tell(self, command: type[Any], **fields: Any) -> None:
        """Gives the run a command, such as `Rearm`."""
        self._commands += 1
        now = self.clock.now()
        told: Command = command("operator", now + self._commands, now, now, **fields)
        self.run.inbox.put(told)

    def fault(self, where: str, action: str, match: str = "*", **terms: Any) -> int:
        """Arms a fault, once unless `count` says otherwise; what is no field of `Fault` goes to the action."""
        fields = {name: terms.pop(name) for name in set(terms) & set(Fault.__struct_fields__)}
        if action != "query_lag":
            fields.setdefault("count", 1)
        return self.twin.faults.add(Fault(where=Where(where), action=Action(action), match=match, args=terms, **fields))

    def taken(self, number: int) -> int:
        """How often an armed fault was hit."""
        return sum(each.fault == number for each in self.twin.faults.log)

    # --- what the run did -------------------------------------------------------------------------

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears what the run did, as its sink."""
        if not isinstance(event, MarketDataEvent | Timer):
            self.heard.append(event)
        self.heard.extend(consequences)

    async def until(
        self, holds: Callable[[], Any], what: str, *, seconds: float = PATIENCE_S, dies: bool = False
    ) -> None:
        """Returns as soon as something holds; fails where it never does, or the run ends meanwhile."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not holds():
            if self.task.done() and not dies:
                self.task.result()
                raise AssertionError(f"the run ended before: {what}")
            assert loop.time() < end, f"not within {seconds:g} s: {what}; {self.shown()}"
            await asyncio.sleep(0.01)

    async def later(self, seconds: float) -> None:
        """Returns after so long, and fails where the run did not live through it."""
        await asyncio.sleep(seconds)
        if self.task.done():
            self.task.result()
            raise AssertionError("the run has ended")

    async def ready(self, seconds: float = PATIENCE_S) -> None:
        """Returns once the run trades and relies on its venue."""
        await self.until(self._is_ready, "the run is ready", seconds=seconds)

    def _is_ready(self) -> bool:
        engine = self.run.engine
        return engine is not None and self.run._process == "ready" and not engine.gate.links

    async def quiet(self, seconds: float = PATIENCE_S) -> None:
        """Returns once no order is in doubt, nothing is under way and our books show what the venue shows."""
        await self.until(lambda: not self.unsettled(), "all is settled", seconds=seconds)

    def unsettled(self) -> list[str]:
        """What is still open: doubts, requests under way, and differences from the venue's own account of it."""
        if not self._is_ready():
            return ["not ready"]
        doubts = [f"{name} {each.status}" for name, each in self.ledger.living.items() if each.status in _DOUBTFUL]
        owed = [f"{name} is owed {each.owed_raw}" for name, each in self.ledger.living.items() if each.owed_raw]
        under_way = (
            [f"{self.run._dispatcher.under_way} requests are under way"] if self.run._dispatcher.under_way else []
        )
        return doubts + owed + under_way + complaints(self, deep=False)

    async def check(self, *, seconds: float = PATIENCE_S) -> None:
        """Waits for quiet, and then everything that must always hold does."""
        with suppress(AssertionError):  # what is open is among the complaints below
            await self.quiet(seconds)
        left = self.unsettled() + complaints(self, deep=True)
        assert not left, "\n".join(left)

    def shown(self) -> str:
        """Where things stand, for whoever reads a failure."""
        if self.run.engine is None:
            return "no engine yet"
        orders = [
            f"{each.order.role} {each.order.side} {each.quantity_raw} {each.status} {each.filled_raw}: {each.reason}"
            for each in self.orders
        ]
        truth = [
            f"{each.client_id[:8]} {each.wanted.side} {each.state} filled {each.filled}"
            for each in self.twin.truth().orders
        ]
        refusals = [f"{each.rule}: {each.reason}" for each in self.ledger.refusals]
        return "\n".join(
            [
                "",
                *orders,
                "venue:",
                *truth,
                "risk:",
                *refusals[-8:],
                f"links: {self.engine.gate.links}",
                *self.log.lines[-8:],
            ]
        )


class _Log(logging.Handler):
    """Everything that the workbench logs, tracebacks too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def close(self) -> None:
        logging.getLogger().removeHandler(self)
        super().close()
