"""Trading by hand on this machine: a live run in the loop of a notebook cell, told what to hold.

    async with LocalExchange(world="synthetic") as twin, Hand.at(twin) as hand:
        await hand.hold("BTC/USDT", quantity="0.01")

It is the live run that a release goes through, with its journal, gate and settlement. It reaches local exchanges only:
real money is traded by a process of its own, which a kernel cannot take down.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from workbench.core.errors import ConfigError, Refused, WorkbenchError
from workbench.core.events import SetParameters
from workbench.core.ledger import OrderState
from workbench.core.money import to_text
from workbench.core.order import OrderStatus
from workbench.core.secret import Credentials
from workbench.runtime.config import Config
from workbench.runtime.live import LiveRun
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import LOOPBACK, host_of, reaches
from workbench.twin.server import LocalExchange

STRATEGY = "hand"
READY_S = 60.0  # for the first connection; importing ccxt alone takes seconds
LOOK_S = 0.05

_OPEN = frozenset({OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, OrderStatus.CANCEL_PENDING, OrderStatus.AMEND_PENDING})


class Hand:
    """One account on a local exchange, traded by saying what to hold; use it with `async with`."""

    def __init__(self, settings: Mapping[str, Any], *, keys: Credentials, state: Path | None = None) -> None:
        self._config = Config.model_validate(settings)
        for name, venue in self._config.venues.items():
            for url in (venue.rest_url, venue.stream_url):
                if url is None or host_of(url) not in LOOPBACK:
                    raise Refused(f"venues.{name}: by hand only exchanges on this machine are traded, got {url}")
        self._keys = keys
        self._folder = None if state else tempfile.TemporaryDirectory(prefix="hand-")
        self.state = StateFolder(state or Path(self._folder.name))  # type: ignore[union-attr]
        self._targets: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def at(
        cls,
        twin: LocalExchange,
        *,
        symbols: Sequence[str] = ("BTC/USDT",),
        cash: str = "10000",
        recv_window_ms: int = 1_000,
        max_accept_delay_ms: int = 1_000,
        state: Path | None = None,
    ) -> Self:
        """A hand at a local exchange that is open; `cash` is what it may use, in USDT.

        The windows, within which a request may still be booked, are short, as suits an exchange next door.
        """
        reach = {
            "connector": "ccxt",
            "rest_url": twin.rest_url,
            "stream_url": twin.stream_url,
            "recv_window_ms": recv_window_ms,
            "max_accept_delay_ms": max_accept_delay_ms,
        }
        entry = "workbench.strategies.manual:ManualTarget"
        seat = {
            "id": STRATEGY,
            "strategy": entry,
            "symbols": [f"{twin.dialect}:{each}" for each in symbols],
            "on": ["quotes"],
        }
        settings = {"cash": cash, "live": {"enabled": True}, "venues": {twin.dialect: reach}, "strategies": [seat]}
        return cls(settings, keys=twin.credentials(), state=state)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Starts the run; returns when it is ready to trade. Raises what keeps it from starting."""
        self.run = LiveRun(
            self._config,
            self.state,
            connect=lambda config, recorded: reaches(
                config,
                clock=self.run.clock,
                folder=self.state.path,
                instruments=recorded.instruments if recorded else (),
                keys=self._keys,
            ),
            releases=Path("config/releases"),
        )
        self._task = asyncio.create_task(self.run.run())
        await self.until(lambda: self.run.engine is not None and self.run.status()["state"] == "ready", READY_S)

    async def close(self) -> None:
        """Takes back what may open and ends the run; safe to call twice."""
        if self._task is not None:
            self.run.inbox.stop()
            task, self._task = self._task, None
            await task
        if self._folder is not None:
            self._folder.cleanup()

    async def hold(
        self,
        symbol: str,
        exposure: str | None = None,
        *,
        quantity: str | None = None,
        limit: str | None = None,
        stop: str | None = None,
        seconds: float = 10.0,
    ) -> list[dict[str, Any]]:
        """Asks to hold a share of the cash or an exact quantity; returns the orders once none is under way.

        What is still UNKNOWN after `seconds` is returned so. All numbers are exact text.
        """
        known = len(self._ledger.orders)
        wish = {"exposure": exposure, "quantity": quantity, "limit": limit, "stop": stop}
        self._targets[symbol] = {name: value for name, value in wish.items() if value is not None}
        now = self.run.clock.now()
        values: dict[str, bool | int | float | str] = {"targets": json.dumps(self._targets)}
        self.run.inbox.put(SetParameters("operator", now, now, now, strategy_id=STRATEGY, values=values))
        with suppress(TimeoutError):  # nothing was needed, or something is still open: the orders tell
            await self.until(lambda: len(self._ledger.orders) > known and not self._under_way(), seconds)
        return self.orders()

    async def until(self, reached: Callable[[], bool], seconds: float = 30.0) -> None:
        """Waits for something to become true; raises TimeoutError, or what ended the run."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not reached():
            if self._task is not None and self._task.done():
                self._task.result()
                raise WorkbenchError("the run has ended")
            if loop.time() >= end:
                raise TimeoutError(f"not reached within {seconds:g} s")
            await asyncio.sleep(LOOK_S)

    async def settled(self, seconds: float = 30.0) -> list[dict[str, Any]]:
        """The orders, once the fate of each is known."""
        await self.until(lambda: not self._under_way(), seconds)
        return self.orders()

    def orders(self) -> list[dict[str, Any]]:
        """Every order as it stands, oldest first; exact numbers as text."""
        return [_shown(each) for each in self._ledger.orders.values()]

    def status(self) -> dict[str, Any]:
        """The run as `workbench status` shows it."""
        return self.run.status()

    def _under_way(self) -> bool:
        return any(each.status in _OPEN for each in self._ledger.living.values())

    @property
    def _ledger(self) -> Any:
        if self._task is None or self.run.engine is None:
            raise ConfigError("the hand is not open: use `async with`, or await its open()")
        return self.run.engine.ledger


def _shown(state: OrderState) -> dict[str, Any]:
    order, places = state.order, state.order.instrument.quantity_places
    return {
        "order_id": order.order_id,
        "symbol": order.instrument.symbol,
        "side": order.side.value,
        "type": order.order_type.value,
        "quantity": to_text(state.quantity_raw, places),
        "filled": to_text(state.filled_raw, places),
        "status": state.status.value,
        "reason": state.reason,
    }
