"""Faults of the process: whenever and however it ends, nothing is lost, nothing is doubled, nothing is hushed up."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bench import SYMBOL, Stand
from workbench.connectors.hearing import Hearing
from workbench.connectors.line import Line
from workbench.connectors.venue import VenueConnector
from workbench.core.errors import CorruptState, LeaseHeld
from workbench.core.events import OrderEvent
from workbench.data.reader import JournalReader
from workbench.runtime.inlet import Inlet
from workbench.runtime.post import Post
from workbench.runtime.resync import Resync
from workbench.runtime.settle import Settlement
from workbench.runtime.state import StateFolder
from workbench.twin.limits import Limits, OrderRule
from workbench.twin.opening import Opening
from workbench.twin.server import LocalExchange

ROOT = Path(__file__).parents[2]
ORDER = "POST /api/v3/order"
STOP_S = 10.0
DIES_S = 1.0


# --- F48: kill -9 ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
async def test_f48_a_run_killed_at_any_moment_goes_on_and_its_books_are_the_venues(seed):
    chance = random.Random(seed)
    async with Stand() as stand:
        for n in range(6):
            stand.say(quantity=("0.01", "0", "0.004")[n % 3])
            if n % 2:
                stand.fault("rest", chance.choice(["drop_after", "delay_after", "status_after"]), ORDER)
            await asyncio.sleep(chance.uniform(0, 0.4))
            await stand.kill_and_restart()
        stand.twin.faults.clear()
        await stand.check()


def test_f48_a_process_killed_for_real_loses_no_order_and_sends_none_twice(tmp_path):
    asyncio.run(_killed_for_real(tmp_path))


async def _killed_for_real(folder: Path) -> None:
    chance = random.Random(48)
    account = Opening(balances={"USDT": Decimal(100_000), "BTC": Decimal(1)})
    async with LocalExchange(world="synthetic", seed=48, accounts=(account,)) as twin:
        process = _Process(folder, twin)
        for n in range(2):
            await process.start()
            process.hold("0.3" if n % 2 == 0 else "0.1")
            await asyncio.sleep(chance.uniform(0.2, 1.6))
            await process.kill()
        await process.start()
        state = StateFolder(folder / "state")

        def settled() -> bool:
            status = state.status()
            return status["state"] == "ready" and not status["unknown_orders"] and not status["open_orders"]

        await _until(settled, "it is settled")
        await process.stop()
        orders = twin.truth().orders
        intended = {each.order_id for each in JournalReader(state.journal).records() if isinstance(each, OrderEvent)}
        assert {each.client_id for each in orders} <= intended
        assert len({each.client_id for each in orders}) == len(orders)
        booked = await process.ledger()
        there = {(str(each.print.trade_id), each.print.quantity) for each in twin.truth().trades}
        assert {(each["venue_trade_id"], Decimal(each["quantity"])) for each in booked["fills"]} == there
        assert there


class _Process:
    """`workbench run live` as a process of its own, on an exchange in this one."""

    def __init__(self, folder: Path, twin: LocalExchange) -> None:
        self.targets, self.config, self.state = folder / "targets.json", folder / "config.json", folder / "state"
        self.hold("0.2")
        venue = {
            "connector": "ccxt",
            "exchange": "binance",
            "rest_url": twin.rest_url,
            "stream_url": twin.stream_url,
            "credentials": "secret://env/TWIN",
            "recv_window_ms": 1_000,
            "max_accept_delay_ms": 500,
        }
        hand = {
            "id": "hand",
            "strategy": "workbench.strategies.manual:ManualTarget",
            "symbols": ["binance:BTC/USDT"],
            "parameters": {"path": str(self.targets)},
        }
        content = {
            "environment": "dev",
            "live": {"enabled": True},
            "venues": {"binance": venue},
            "strategies": [hand],
            "reconcile": {"orders_s": 1.0, "trades_s": 1.0, "balances_s": 2.0},
        }
        self.config.write_text(json.dumps(content))
        self._log = folder / "log"

    def hold(self, share: str) -> None:
        self.targets.write_text(json.dumps({SYMBOL: share}))

    async def start(self) -> None:
        """Returns when it may trade."""
        began = time.time_ns()
        self.process = await self._workbench("run", "live", "--config", str(self.config), "--state", str(self.state))
        status = StateFolder(self.state)

        def ready() -> bool:
            assert self.process.returncode is None, self._log.read_text()[-2_000:]
            shown = status.status()
            return shown["state"] == "ready" and shown["heartbeat_ns"] > began

        await _until(ready, "it is ready")

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def second(self) -> int:
        """What another one on the same state ends with."""
        other = await self._workbench("run", "live", "--config", str(self.config), "--state", str(self.state))
        async with asyncio.timeout(60):
            return await other.wait()

    async def ledger(self) -> dict[str, Any]:
        shown = await asyncio.create_subprocess_exec(
            *_COMMAND, "ledger", "--json", "--state", str(self.state), stdout=subprocess.PIPE, cwd=ROOT
        )
        out, _ = await shown.communicate()
        found: dict[str, Any] = json.loads(out)
        return found

    async def _workbench(self, *words: str) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            environment = {**os.environ, "TWIN_API_KEY": "twin-key", "TWIN_API_SECRET": "twin-secret"}
            return await asyncio.create_subprocess_exec(
                *_COMMAND, *words, stdout=log, stderr=log, cwd=ROOT, env=environment
            )


_COMMAND = (sys.executable, "-m", "workbench")


async def _until(holds: Any, what: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        await asyncio.sleep(0.05)


# --- F51: restart with much open ------------------------------------------------------------------


async def test_f51_after_a_restart_own_orders_are_adopted_and_those_of_others_are_left_alone_and_listed():
    generous = Limits(orders=(OrderRule(10_000, 10),), weight=60_000)
    async with Stand(
        symbols=("BTC/USDT", "ETH/USDT"), limits=generous, risk={"max_position_notional": "9000"}
    ) as stand:
        bids = [(str(59_000 - n), "0.0005") for n in range(100)]
        for symbol in ("BTC/USDT", "ETH/USDT"):
            stand.quote(symbol=symbol, bids=bids)
        await stand.until(lambda: len(stand.exchange.open_orders("main")) == 200, "200 orders rest", seconds=60)
        await stand.quiet()
        first = stand.exchange.open_orders("main", SYMBOL)[0]
        stand.mischief.fill(symbol=SYMBOL, quantity=Decimal("0.0002"), client_id=first.client_id)
        await stand.kill()
        for n in range(10):
            stand.mischief.by_hand(symbol=SYMBOL, side="BUY", quantity=Decimal("0.001"), price=Decimal(50_000 + n))
        before = {each.client_id for each in stand.exchange.open_orders("main")} - {first.client_id}
        await stand.start()
        await stand.until(lambda: len(stand.ledger.fills) == 1, "the part that was filled meanwhile")
        await stand.later(5)
        there = {each.client_id for each in stand.exchange.open_orders("main")}
        assert before <= there, "only what was filled in part is quoted anew"
        assert {each for each in there if not stand.is_foreign(each)} == set(stand.ledger.living)
        assert len(stand.ledger.strangers) == len(stand.told("external_order")) == 10


# --- F53: twice -----------------------------------------------------------------------------------


async def test_f53_a_second_run_on_the_same_state_is_refused_before_it_asks_the_venue_anything():
    async with Stand() as stand:
        stand.twin.pause()
        seen = stand.fault("rest", "delay_before", "GET /api/v3/exchangeInfo", ms=0, count=None)
        with pytest.raises(LeaseHeld, match="is running here") as refused:
            await stand.made().run()
        assert refused.value.exit_code == 6
        assert not stand.taken(seen)
        await stand.check()


async def test_f53_a_run_whose_lease_was_taken_by_a_later_epoch_writes_and_sends_nothing_more():
    async with Stand() as stand:
        stand.quote(bids=[("59000", "0.005")])
        await stand.until(lambda: len(stand.exchange.open_orders("main")) == 1, "the quote rests")
        (stand.state / "LEASE").unlink()  # as on a disk that two machines share and whose locks do not reach across
        with stand.run._state.lease():
            size = sum(each.stat().st_size for each in (stand.state / "journal").glob("*.journal"))
            stand.quote(bids=[("58000", "0.004")])
            with pytest.raises(LeaseHeld, match="epoch"):
                await asyncio.wait_for(stand.task, 30)
            assert len(stand.ours()) == 1
            assert sum(each.stat().st_size for each in (stand.state / "journal").glob("*.journal")) == size


# --- F55: a task that dies ------------------------------------------------------------------------


class Planted(Exception):
    """A mistake of ours."""


def planted(room: type, task: str, broken_at: list[float]) -> Any:
    """What breaks instead of a method of ours."""

    def breaks(*_: Any, **__: Any) -> Any:
        broken_at.append(asyncio.get_running_loop().time())
        raise Planted(task)

    async def breaks_later(*_: Any, **__: Any) -> Any:
        breaks()

    return breaks_later if asyncio.iscoroutinefunction(getattr(room, task)) else breaks


async def told_in_time(stand: Stand, task: str, broken_at: list[float]) -> None:
    """The run says within a second what is broken, and is over soon."""
    await stand.until(lambda: broken_at, f"{task} is asked for", dies=True)

    def told() -> bool:
        return stand.task.done() or any(each.startswith(("CRITICAL", "ERROR")) for each in stand.log.lines)

    await stand.until(told, "it is told", seconds=DIES_S, dies=True)
    await stand.until(stand.task.done, "the run is over", seconds=STOP_S, dies=True)
    error = stand.task.exception()
    assert error is not None
    assert task in str(error)


@pytest.mark.parametrize(
    ("room", "task"),
    [
        (Inlet, "_time"),
        (Inlet, "_commands"),
        (Post, "_durable"),
        (Settlement, "watch"),
        (Settlement, "_settle"),
        (Resync, "keep"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
async def test_f55_a_task_that_dies_ends_the_process_loudly_and_a_restart_recovers(monkeypatch, room, task):
    async with Stand() as stand:
        broken_at: list[float] = []
        with monkeypatch.context() as patched:
            patched.setattr(room, task, planted(room, task, broken_at))
            await stand.kill_and_restart(ready=False)
            stand.say(quantity="0.01")
            stand.fault("rest", "drop_after", ORDER)
            await told_in_time(stand, task, broken_at)
        stand.twin.faults.clear()
        await stand.kill_and_restart()
        await stand.check()


@pytest.mark.parametrize(
    ("room", "task"),
    [
        (StateFolder, "halt_reason"),
        (StateFolder, "write_status"),
        (Hearing, "tick"),
        (VenueConnector, "_hear"),
        (Line, "_live"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
async def test_f55_a_task_that_dies_while_all_goes_well_ends_the_process_loudly(monkeypatch, room, task):
    async with Stand() as stand:
        broken_at: list[float] = []
        with monkeypatch.context() as patched:
            patched.setattr(room, task, planted(room, task, broken_at))
            stand.twin.kick("/ws-api/*")
            await told_in_time(stand, task, broken_at)
        await stand.kill_and_restart()
        await stand.check()


# --- F56: told to stop ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
async def test_f56_told_to_stop_while_orders_are_on_their_way_it_ends_in_time_and_reports_what_is_not_known(seed):
    chance = random.Random(seed)
    async with Stand() as stand:
        action, ms = chance.choice(["delay_after", "late_accept", "delay_before"]), chance.choice([300, 2_000, 9_000])
        stand.fault("rest", action, ORDER, ms=ms)
        stand.fault("rest", "drop_after", ORDER)
        stand.quote(bids=[("59000", "0.004"), ("58900", "0.004")])
        await asyncio.sleep(chance.uniform(0, 0.3))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await stand.stop()
        assert loop.time() - began <= STOP_S
        left = [each.client_id for each in stand.exchange.open_orders("main")]
        told = " ".join(line for line in stand.log.lines if "stopped with" in line)
        for order_id in {*left, *stand.ledger.living}:
            assert order_id in told, f"{order_id} is hushed up"
        stand.twin.faults.clear()
        await stand.kill_and_restart()
        await stand.check(seconds=60)


# --- F59: another version -------------------------------------------------------------------------


async def test_f59_a_journal_of_a_version_to_come_is_refused_by_name_and_left_as_it_was():
    async with Stand() as stand:
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "it is bought")
        await stand.stop()
        segment = min((stand.state / "journal").glob("*.journal"))
        content = segment.read_bytes()
        other = content.replace(b"\x01", b"\x63", 1)
        segment.write_bytes(other)
        with pytest.raises(CorruptState, match=r"000001\.journal"):
            await stand.made().run()
        assert segment.read_bytes() == other
        segment.write_bytes(content)
        await stand.kill_and_restart()
        await stand.check()
