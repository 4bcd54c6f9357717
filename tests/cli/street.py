"""A local exchange and a live run on it, each in a process of its own, as somebody at a terminal starts them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.cli.terminal import ask, finish, start
from tests.cli.test_exchange import Served

STATE = Path("run")
HERE = ("--state", str(STATE))
KEYS = {"TWIN_API_KEY": "twin-key", "TWIN_API_SECRET": "twin-secret"}
PATIENCE_S = 60.0  # for what takes a second or two on an idle machine


def configure(twin: Served, *, targets: str = "{}", more: str = "") -> None:
    """Writes the configuration of a hand-driven run on the exchange, and the file that drives it."""
    drive(targets)
    Path("live.yaml").write_text(
        f"""
environment: dev
live: {{enabled: true}}
venues:
  binance:
    connector: ccxt
    exchange: binance
    rest_url: {twin.said["rest"]}
    stream_url: {twin.said["streams"]}
    credentials: secret://env/TWIN
    recv_window_ms: 2000
    max_accept_delay_ms: 1000
strategies:
  - id: hand
    strategy: workbench.strategies.manual:ManualTarget
    symbols: ["binance:BTC/USDT"]
    parameters: {{path: targets.json}}
{more}
"""
    )


def resting() -> None:
    """A module of strategies of one's own: quotes that nobody takes, and a position under a protective stop."""
    Path("desk.py").write_text(DESK)


DESK = """
from decimal import Decimal

from workbench.core import strategy
from workbench.core.events import Quote, Quotes, Target
from workbench.core.strategy import Strategy


class Resting(Strategy):
    class State(strategy.State):
        first: int = 0

    def on_market_data(self, event):
        if not isinstance(event, Quote):
            return None
        self.state.first = self.state.first or int(event.bid)
        bids = [(Decimal(self.state.first * (100 - step) // 100), Decimal("0.001")) for step in (2, 3, 4)]
        return Quotes(event.symbol, tuple(bids), ())


class Guarded(Resting):
    def on_market_data(self, event):
        if not isinstance(event, Quote):
            return None
        self.state.first = self.state.first or int(event.bid)
        return Target(event.symbol, quantity=Decimal("0.01"), stop=Decimal(self.state.first * 9 // 10))
"""

RESTING = """
  - {id: quotes, strategy: "desk:Resting", symbols: ["binance:BTC/USDT"]}
  - {id: guarded, strategy: "desk:Guarded", symbols: ["binance:BTC/USDT"]}
"""


def drive(targets: str) -> None:
    """Says where the run should be; replaced whole, as the run reads it at any instant."""
    Path("targets.part").write_text(targets)
    os.replace("targets.part", "targets.json")


@contextmanager
def trading(here: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A live run that is ready, dead at the end whatever happened."""
    process = start("run", "live", "--config", "live.yaml", *HERE, "--json", *words, cwd=here, **KEYS)
    try:
        until(lambda: status()["pid"] == process.pid, process)
        yield process
    finally:
        process.kill()
        process.communicate()


def until(holds: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> Any:
    """Waits for something to be true and returns it; fails with what the process said if it ends first."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert process is None or process.poll() is None, finish(process)  # type: ignore[arg-type]
        assert time.monotonic() < deadline, (status(), process and process.pid)
        time.sleep(0.1)
    return found


def status() -> dict[str, Any]:
    found: dict[str, Any] = ask("status", *HERE, "--json").json
    return found


def ledger() -> dict[str, Any]:
    found: dict[str, Any] = ask("ledger", *HERE, "--json").json
    return found


def truth(twin: Served) -> dict[str, Any]:
    """All that the account did and has, as the exchange itself knows it."""
    answer, found = twin.admin("/admin/truth")
    assert answer == 200
    return dict(found)


def told(twin: Served) -> bool:
    """Whether the run has booked every trade of the account."""
    return len(ledger()["fills"]) == len(truth(twin)["trades"]) > 0


def agrees(twin: Served) -> None:
    """Orders, fills, fees and balances of the journal are the exchange's own, to the last digit."""
    ours, theirs = ledger(), truth(twin)
    assert {(each["client_order_id"], Decimal(each["filled"])) for each in ours["orders"]} == {
        (each["client_id"], Decimal(each["filled"])) for each in theirs["orders"]
    }
    fills = ("venue_trade_id", "price", "quantity", "fee", "fee_currency")
    assert sorted(_exact(each, fills) for each in ours["fills"]) == sorted(
        (
            str(each["print"]["trade_id"]),
            Decimal(each["print"]["price"]),
            Decimal(each["print"]["quantity"]),
            Decimal(each["commission"]),
            each["commission_asset"],
        )
        for each in theirs["trades"]
    )
    assert {each["asset"]: (Decimal(each["free"]), Decimal(each["locked"])) for each in ours["balances"]} == {
        each["asset"]: (Decimal(each["free"]), Decimal(each["locked"])) for each in theirs["balances"]
    }
    assert all(Decimal(each["total"]) == Decimal(each["free"]) + Decimal(each["locked"]) for each in ours["balances"])


def _exact(line: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(Decimal(line[name]) if name in ("price", "quantity", "fee") else line[name] for name in names)


def open_orders(twin: Served) -> list[dict[str, Any]]:
    """What rests on the exchange for the account."""
    return [each for each in truth(twin)["orders"] if each["state"] in ("NEW", "PARTIALLY_FILLED")]


def market(twin: Served) -> None:
    """Waits until the exchange has a market to trade in."""
    until(lambda: all(twin.rest("/api/v3/depth?symbol=BTCUSDT&limit=5")[1][side] for side in ("bids", "asks")))
