"""How soon a run is back: after a connection broke, after its venue was away, and after it was stopped itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

from tests.benchmarks.figures import LONG, spread, tell
from tests.benchmarks.rig import Desk
from tests.benchmarks.storm import NO_LIMITS, SYMBOLS
from tests.faults.street import Street
from tests.runtime.recovery_bench import FIRST, Maker, take_up
from workbench.core.events import BookUpdate, Event, LinkState, VenueLink
from workbench.data.journal import Journal
from workbench.data.snapshots import SnapshotFolder
from workbench.runtime.snapshots import usable
from workbench.twin.opening import Opening
from workbench.twin.server import LocalExchange

CUTS = 50 if LONG else 3
CALM_S = 10.0 if LONG else 1.0  # between two: a line that is cut all the time is dialled less often
AWAY_S = (0.5, 10.0) if LONG else (0.5, 1.5)
BEFORE, FILLS = (100_000, 10_000) if LONG else (5_000, 1_000)  # records before the checkpoint, fills after it
MILLION = 1_000_000


class Returns:
    """A sink that notes when the account was called up and when a whole book came in."""

    def __init__(self) -> None:
        self.up: list[int] = []
        self.books: list[int] = []
        self.now = time.time_ns

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        if isinstance(event, VenueLink) and event.state is LinkState.UP:
            self.up.append(self.now())
        elif isinstance(event, BookUpdate) and event.snapshot:
            self.books.append(self.now())


class Here:
    """The exchange in this process, as a `Desk` is told where it is."""

    def __init__(self, twin: LocalExchange) -> None:
        self.rest, self.streams = twin.rest_url, twin.stream_url


async def test_a_run_is_back_soon_after_its_venue_is(tmp_path: Path) -> None:
    chance, returns = Random(20), Returns()
    watching = {"id": "watching", "strategy": "tests.faults.strategies:Scripted", "on": ["quotes", "book"]}
    cut: dict[str, list[int]] = {"up": [], "book": []}
    away: dict[str, list[int]] = {"up": [], "book": []}
    purse = Opening(balances={"USDT": Decimal(10**6), "BNB": Decimal(20)})
    async with LocalExchange(accounts=(purse,), limits=NO_LIMITS) as twin:
        street = Street(twin, SYMBOLS)
        street.open()
        ticking = asyncio.create_task(street.live())
        async with Desk(tmp_path, Here(twin), [watching], sinks=[returns]) as desk:
            returns.now = desk.clock.now
            await desk.until(lambda: len(returns.books) >= len(SYMBOLS))
            for number in range(CUTS):
                await asyncio.sleep(CALM_S)
                noted = cut if number % 2 else away
                if number % 2:
                    twin.kick()
                else:
                    await twin.restart(chance.uniform(*AWAY_S))
                since = desk.clock.now()
                noted["up"].append(await _first(desk, returns.up, since) - since)
                noted["book"].append(await _first(desk, returns.books, since) - since)
        ticking.cancel()
    tell(
        f"{CUTS} interruptions, every second one a venue that is away for {AWAY_S[0]} to {AWAY_S[1]} s",
        spread("sockets cut, until UP", cut["up"]),
        spread("sockets cut, until the first whole book", cut["book"]),
        spread("venue is back, until UP", away["up"]),
        spread("venue is back, until the first whole book", away["book"]),
    )


async def _first(desk: Desk, instants: Sequence[int], since: int) -> int:
    """The first instant since then, waited for."""
    await desk.until(lambda: any(each >= since for each in instants))
    return min(each for each in instants if each >= since)


def test_a_run_with_200_open_orders_and_many_fills_since_its_checkpoint_stands_again(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    maker.begin()
    while maker.journal.records < BEFORE:
        maker.quote()
    asyncio.run(maker.keeper.once(maker.journal))
    living = list(maker.engine.ledger.living)
    for number in range(FILLS):
        maker.fill(living[number % len(living)])
        maker.quote()
    maker.journal.close()
    records = maker.journal.records

    began, worked = time.perf_counter(), time.process_time()
    found = next(usable(SnapshotFolder(tmp_path / "snapshots"), tmp_path / "journal", FIRST))
    short = take_up(tmp_path, found)
    wall, work = time.perf_counter() - began, time.process_time() - worked
    began_anew, worked_anew = time.perf_counter(), time.process_time()
    whole = take_up(tmp_path, None)
    wall_anew, work_anew = time.perf_counter() - began_anew, time.process_time() - worked_anew
    began_check = time.process_time()
    Journal.on_disk(tmp_path / "journal").close()
    check = time.process_time() - began_check
    tell(
        f"{len(living)} open orders, {FILLS:,} fills since the checkpoint, {records:,} records",
        f"from the checkpoint {wall:8.2f} s, {work:8.2f} s of work",
        f"from the first record {wall_anew:6.2f} s, {work_anew:8.2f} s of work: {records / work_anew:,.0f} a second",
        f"a million such records would take {work_anew / records * MILLION:.0f} s, "
        f"of which reading and checking {check / records * MILLION:.1f} s",
    )
    assert short.ledger.digest() == whole.ledger.digest()
