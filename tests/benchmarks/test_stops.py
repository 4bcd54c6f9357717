"""How soon everything stands still: the halt latch on a run that trades, and the kill switch on one that hangs."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.benchmarks.figures import LONG, spread, tell
from tests.benchmarks.rig import Desk, Venue
from tests.cli.street import HERE, KEYS, configure, market, open_orders, resting, status, trading, until
from tests.cli.terminal import ask, finish, start
from tests.cli.test_exchange import served
from workbench.core.clock import SECOND
from workbench.core.order import OrderStatus

DRILLS = 20 if LONG else 2
KILLS = 20 if LONG else 1
BIDS = 100
QUOTES = 3  # of the run that hangs
CALM_S = 0.3  # after the last cancel: what would still leave leaves by then

LADDER = {
    "id": "ladder",
    "strategy": "tests.benchmarks.strategies:Ladder",
    "parameters": {"bids": BIDS},
    "symbols": ["binance:ETH/USDT"],
    "on": ["quotes"],
}
FLIPS = {
    "id": "flips",
    "strategy": "tests.benchmarks.strategies:Flips",
    "parameters": {"every": 10},
    "symbols": ["binance:BTC/USDT", "binance:BNB/USDT"],
    "on": ["quotes"],
}


async def test_nothing_is_sent_once_the_latch_is_set_and_a_hundred_orders_are_taken_back(tmp_path: Path) -> None:
    last, cleared, late = [], [], 0
    async with Venue() as venue, Desk(tmp_path, venue, [LADDER, FLIPS]) as desk:
        await venue.ask("breeze", rate=500)
        for _ in range(DRILLS):
            await desk.until(lambda: _bids(desk) == BIDS)
            began = desk.clock.now()
            await desk.until(lambda began=began: any(each > began for each in desk.way.asked.values()))
            desk.state.halt("a drill")
            halted = desk.clock.now()
            await desk.until(lambda: not desk.ledger.living, step_s=0.001)
            cleared.append(desk.clock.now() - halted)
            await asyncio.sleep(CALM_S)
            late += sum(each > halted for each in desk.way.asked.values())
            last.append(max(0, max(desk.way.left.values()) - halted))
            sent, truth = set(desk.way.left), await venue.ask("truth")
            assert truth["orders"].keys() == sent
            await desk.rearm()
    tell(
        f"{DRILLS} halts of a run that trades, {BIDS} orders open",
        spread("latch set, until the last order left (0: none did)", last),
        spread(f"latch set, until the end of {BIDS} orders is booked", cleared),
        f"{late} orders were handed to the wire after the latch was set",
    )
    assert late == 0


def _bids(desk: Desk) -> int:
    return sum(
        each.status is OrderStatus.ACKNOWLEDGED and each.order.instrument.symbol == "ETH/USDT"
        for each in desk.ledger.living.values()
    )


def test_the_kill_switch_clears_a_run_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    resting()
    whole, verified, listed = [], [], []
    with served(tmp_path, "--world", "synthetic", "--seed", "1") as twin:
        configure(twin, more='  - {id: quotes, strategy: "desk:Resting", symbols: ["binance:BTC/USDT"]}')
        market(twin)
        with trading(tmp_path) as run:
            for _ in range(KILLS):
                until(lambda: status()["open_orders"] == QUOTES == len(open_orders(twin)), run)
                run.send_signal(signal.SIGSTOP)
                began = time.monotonic_ns()
                done = finish(start("kill", *HERE, "--json", cwd=tmp_path, **KEYS)).json
                whole.append(time.monotonic_ns() - began)
                assert done["verified"]
                assert not open_orders(twin)
                found = done["venues"]["binance"]
                listed.append(round(found["first_list_s"] * SECOND))
                verified.append(round(done["seconds"] * SECOND))
                run.send_signal(signal.SIGCONT)
                until(lambda: status()["state"] == "halted" and not status()["open_orders"], run)
                assert ask("rearm", *HERE, "--reason", "the drill is over").code == 0
    tell(
        f"{KILLS} runs that hang, {QUOTES} orders open",
        spread("kill typed, until it ends: process, ccxt's import", whole),
        spread("  of that, begun until two lists show none", verified),
        spread("  of that, begun until the first list", listed),
    )
