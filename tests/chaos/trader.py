"""A restless live run as a process of its own, to be killed: `python -m tests.chaos.trader STATE REST STREAMS SEED`."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from workbench.core.events import SetParameters
from workbench.runtime.config import Config
from workbench.runtime.live import LiveRun
from workbench.runtime.plan import Plan
from workbench.runtime.service import SteadyClock
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import Reach, reaches

SYMBOLS = ("BTC/USDT", "ETH/USDT")
CALM_S = 15.0  # for what an earlier life left open to be settled
LOOK_S = 0.05


def config(rest: str, streams: str, seed: int) -> Config:
    """A venue, a strategy that changes its mind some twenty times a second, and one limit."""
    return Config.model_validate(
        {
            "environment": "dev",
            "live": {"enabled": True},
            "venues": {
                "binance": {
                    "connector": "ccxt",
                    "exchange": "binance",
                    "rest_url": rest,
                    "stream_url": streams,
                    "credentials": "secret://env/TWIN",
                    "recv_window_ms": 500,
                    "max_accept_delay_ms": 1_000,
                }
            },
            "strategies": [
                {
                    "id": "restless",
                    "strategy": "tests.chaos.strategies:Restless",
                    "symbols": [f"binance:{each}" for each in SYMBOLS],
                    "on": ["quotes", "trades"],
                    "parameters": {"seed": seed, "patience": 1},
                }
            ],
            "risk": {"max_position_notional": "990", "max_rejections_per_minute": 1_000},
            "reconcile": {"orders_s": 5.0, "trades_s": 5.0, "balances_s": 5.0},
        }
    )


def main(words: Sequence[str] | None = None) -> None:
    """Trades until it is killed; with --calm it says nothing new, and ends when all that was open is settled."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("rest")
    parser.add_argument("streams")
    parser.add_argument("seed", type=int)
    parser.add_argument("--calm", action="store_true")
    asked = parser.parse_args(words)
    state, clock = StateFolder(asked.state), SteadyClock()

    def connect(wanted: Config, recorded: Plan | None) -> Sequence[Reach]:
        known = recorded.instruments if recorded else ()
        return reaches(wanted, clock=clock, folder=state.path, instruments=known)

    settings = config(asked.rest, asked.streams, asked.seed)
    run = LiveRun(settings, state, connect=connect, releases=Path("releases"), clock=clock)
    asyncio.run(_traded(run, calm=asked.calm))


async def _traded(run: LiveRun, *, calm: bool) -> None:
    others = [asyncio.create_task(_tell(run))]
    if calm:
        others.append(asyncio.create_task(_calm(run)))
    try:
        await run.run(seconds=CALM_S if calm else None)
    finally:
        for each in others:
            each.cancel()


async def _tell(run: LiveRun) -> None:
    """Says on stdout when it may trade."""
    while run.engine is None or run.status()["state"] != "ready":
        await asyncio.sleep(LOOK_S)
    print("ready", flush=True)


async def _calm(run: LiveRun) -> None:
    while run.engine is None:
        await asyncio.sleep(LOOK_S)
    now = time.time_ns()
    run.inbox.put(SetParameters("operator", now, now, now, strategy_id="restless", values={"calm": True}))


if __name__ == "__main__":
    main()
