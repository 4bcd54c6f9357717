"""A trader that is killed at random moments, again and again: nothing is lost, nothing is done twice.

The venue is `workbench exchange` in a process of its own, which lives through it all; the trader is a live run in
another. What is compared at the end is what the two left on disk.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.chaos.day import Witness
from tests.cli.terminal import living, stop
from tests.faults.invariants import complaints
from workbench.data.reader import JournalReader
from workbench.runtime.build import replay
from workbench.twin.exchange import Exchange
from workbench.twin.opening import LISTINGS, MAIN
from workbench.twin.words import Event, Execution, Listing, Order

ROOT = Path(__file__).parents[2]
SEED = 11
STARTS_S = 60.0  # a busy machine takes its time to import ccxt
ENDS_S = 120.0  # for the last life to settle what the others left open, and to end
TRADES_S = 2.0  # at most, before it is killed
EARLY = 0.3  # how often it is killed before it trades
STARTING_S = 3.0  # at most, in that case
PRICES = {"BTC/USDT": Decimal(59_900), "ETH/USDT": Decimal(2_990)}  # less than the market ever wanders to


def test_a_trader_killed_at_random_leaves_books_that_are_the_venues(kills: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="chaos-kills-"))
    dice = random.Random(f"kills/{SEED}")
    words = ("exchange", "--state", folder / "venue", "--world", "synthetic", "--seed", SEED, "--json")
    with living(*words, cwd=folder) as venue:
        assert venue.stdout is not None
        said = json.loads(venue.stdout.readline())
        traded = sum(_life(folder, said, dice) for _ in range(kills))
        _last_life(folder, said)
        stop(venue)
    remains = Remains(folder)
    wrong = complaints(remains, deep=True)  # type: ignore[arg-type]  # all that the rules look at is there
    open_there = [each.client_id for each in remains.ours() if each.open and each.on_book]
    assert not wrong, f"{folder} after {kills} kills, {traded} of them while it traded:\n" + "\n".join(wrong)
    assert not open_there, f"{folder}: still open: {', '.join(open_there)}"
    assert remains.ours(), f"{folder}: nothing was traded"
    print(f"{kills} kills, {traded} while it traded: {len(remains.ours())} orders, {len(remains.ledger.fills)} fills")
    shutil.rmtree(folder)


def _life(folder: Path, said: dict[str, Any], dice: random.Random) -> bool:
    """Starts the trader and kills it some time later; whether it traded."""
    early = dice.random() < EARLY
    trader = _trader(folder, said)
    try:
        if not early:
            _is_ready(trader, folder)
        select.select([], [], [], dice.uniform(0, STARTING_S if early else TRADES_S))
        assert trader.poll() is None, f"it ended by itself: {_told(folder)}"
    finally:
        trader.kill()
        trader.wait()
    return not early


def _last_life(folder: Path, said: dict[str, Any]) -> None:
    trader = _trader(folder, said, "--calm")
    try:
        assert trader.wait(ENDS_S) == 0, _told(folder)
    finally:
        trader.kill()
        trader.wait()


def _trader(folder: Path, said: dict[str, Any], *more: str) -> subprocess.Popen[bytes]:
    words = [str(folder / "trader"), said["rest"], said["streams"], str(SEED), *more]
    with (folder / "trader.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.trader", *words],
            cwd=ROOT,
            env={**os.environ, "TWIN_API_KEY": "twin-key", "TWIN_API_SECRET": "twin-secret"},
            stdout=subprocess.PIPE,
            stderr=log,
        )


def _is_ready(trader: subprocess.Popen[bytes], folder: Path) -> None:
    assert trader.stdout is not None
    found, _, _ = select.select([trader.stdout], [], [], STARTS_S)
    assert found, f"it does not trade: {_told(folder)}"
    assert trader.stdout.readline() == b"ready\n", f"it ended: {_told(folder)}"


def _told(folder: Path) -> str:
    return (folder / "trader.log").read_text(encoding="utf-8")[-4_000:]


class Retold(Exchange):
    """An exchange that keeps what happened to our orders, from its very first command on."""

    def __init__(self, listings: Sequence[Listing], *, journal: Path | None = None) -> None:
        super().__init__(listings, journal=journal)
        self.executions: list[Execution] = []
        self.listen(self._keep_ours)

    def _keep_ours(self, event: Event) -> None:
        if isinstance(event, Execution) and event.order.account == MAIN:
            self.executions.append(event)


class Seen(Witness):
    """A witness that hears everything afterwards: when an intent was written is told by the kills themselves."""

    def _admitted(self, client_id: str) -> None:
        self._accepted[client_id] += 1
        if self._accepted[client_id] > 1:
            self.wrong.append(f"{client_id}: accepted {self._accepted[client_id]} times")


class Remains:
    """What a killed trader and its venue left on disk, as the rules of a stand want to see it."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "trader"
        self.exchange = Retold.recovered(LISTINGS, folder / "venue" / "exchange.jsonl")
        self.engine, _ = replay(JournalReader(self.state / "journal"), datasets={})
        self.ledger = self.engine.ledger
        self.run = SimpleNamespace(_journal=self.state / "journal")
        self.twin = SimpleNamespace(truth=lambda: self.exchange.truth(MAIN), meter=SimpleNamespace(_visitors={}))
        self.log = SimpleNamespace(lines=_told(folder).splitlines())
        self.watcher = Seen(self, PRICES)  # type: ignore[arg-type]
        for each in self.exchange.executions:
            self.watcher(each)

    @property
    def files(self) -> list[Path]:
        """Every file that the trader has written."""
        return [each for each in sorted(self.state.rglob("*")) if each.is_file()]

    def ours(self) -> list[Order]:
        """Our orders as the venue knows them: nobody else trades on the account."""
        return list(self.twin.truth().orders)

    def is_foreign(self, client_id: str) -> bool:
        """Whether somebody else sent an order."""
        return False

    def told(self, rule: str) -> list[Any]:
        """What risk did by a rule."""
        return [each for each in self.ledger.refusals if each.rule == rule]
