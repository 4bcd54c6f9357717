"""How long a start takes: `python -m tests.runtime.recovery_bench [records before] [fills after]`.

A journal of market data with 200 open orders and fills is made, with a snapshot before the last fills; then it is
taken up again from that snapshot, and from its first record.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from tests.runtime.test_snapshots import Noon
from tests.trading.trading_bench import SPOT, START_NS, UNIT
from workbench.core.events import FillEvent, MarketDataEvent, OrderReport, Quote, Quotes, RunStarted
from workbench.core.order import OrderStatus
from workbench.core.strategy import Says, Strategy
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.data.scan import BEGIN
from workbench.data.snapshots import Found, SnapshotFolder
from workbench.risk.limits import Limits
from workbench.runtime.recovery import Replay
from workbench.runtime.snapshots import Keeper, usable
from workbench.trading.engine import Engine

LEVELS = 100  # a side: 200 open orders
FIRST = RunStarted(
    "run",
    0,
    START_NS,
    START_NS,
    run_id="bench",
    base_currency="USDT",
    instruments=(SPOT,),
    cash={"s": "100000000"},
    strategies={},
    settings={"data": "[]", "limits": "{}", "profile": "{}"},
)


class Ladder(Strategy):
    """A hundred quotes a side, said once."""

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if event.sequence != 2:
            return None
        bids = tuple((Decimal(900 - level), Decimal(1_000)) for level in range(LEVELS))
        asks = tuple((Decimal(1_100 + level), Decimal(1_000)) for level in range(LEVELS))
        return Quotes(event.symbol, bids, asks)


class Maker:
    """Writes the journal of a run, and its snapshot where it is told to."""

    def __init__(self, folder: Path) -> None:
        self.engine = fresh()
        self.journal = Journal.on_disk(folder / "journal")
        self.journal.take(FIRST)
        self.keeper = Keeper(self.engine, SnapshotFolder(folder / "snapshots"), clock=Noon())
        self._number = 0

    def begin(self) -> None:
        for _ in range(2):
            self.quote()
        for order_id in list(self.engine.ledger.living):
            stamp = self._stamp()
            acknowledged = OrderStatus.ACKNOWLEDGED
            self._take(OrderReport(*stamp, order_id=order_id, status=acknowledged, instrument=SPOT))

    def quote(self) -> None:
        price = 1_000 + self._number % 7
        self._take(Quote(*self._stamp(), SPOT, price, price + 1, UNIT, UNIT))

    def fill(self, order_id: str) -> None:
        order = self.engine.ledger.orders[order_id].order
        self._take(
            FillEvent(
                *self._stamp(),
                order_id=order_id,
                trade_id=str(self._number),
                instrument=SPOT,
                side=order.side,
                quantity_raw=UNIT,
                price_raw=order.price_raw or 0,
                fee_raw=1,
                fee_currency="USDT",
            )
        )

    def _take(self, event: object) -> None:
        facts, _ = self.engine.process(event)  # type: ignore[arg-type]
        self.journal.take(event, facts)  # type: ignore[arg-type]
        self.keeper.record(event, facts)  # type: ignore[arg-type]

    def _stamp(self) -> tuple[str, int, int, int]:
        self._number += 1
        now = START_NS + self._number * 1_000_000
        return "md", self._number, now, now


def fresh() -> Engine:
    engine = Engine(FIRST, limits=Limits(), budgets={})
    engine.add("s", Ladder(), [SPOT.key])
    return engine


def take_up(folder: Path, found: Found | None) -> Engine:
    """What a start does between its lease and its venues."""
    at = found.snapshot.position if found else BEGIN
    journal = Journal.on_disk(folder / "journal", since=at)
    engine = fresh()
    keeper = Keeper(engine, SnapshotFolder(folder / "snapshots"), clock=Noon())
    if found is not None:
        keeper.restore(found)
    replay = Replay(engine, iter(()))
    replay.records = at.records
    replay.walk(keeper.hearing(JournalReader(folder / "journal", since=at).records(at.records)))
    journal.close()
    return engine


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Prints how long it took, and how much of that was work: a machine that is busy otherwise tells two figures."""
    began, worked = time.perf_counter(), time.process_time()
    yield
    wall, work = time.perf_counter() - began, time.process_time() - worked
    print(f"{what:60} {wall:7.2f} s, {work:7.2f} s of work", flush=True)


def main(before: int, fills: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maker = Maker(folder)
        maker.begin()
        while maker.journal.records < before:
            maker.quote()
        with timed(f"a snapshot with {len(maker.engine.ledger.living)} open orders"):
            asyncio.run(maker.keeper.once(maker.journal))
        living = list(maker.engine.ledger.living)
        for number in range(fills):
            maker.fill(living[number % len(living)])
            maker.quote()
        maker.journal.close()
        with timed(f"from the snapshot, and {fills:,} fills after it"):
            found = next(usable(SnapshotFolder(folder / "snapshots"), folder / "journal", FIRST))
            short = take_up(folder, found)
        with timed(f"from the first of {maker.journal.records:,} records"):
            long = take_up(folder, None)
        assert short.ledger.digest() == long.ledger.digest()
        with timed("checking every byte of the journal"):
            Journal.on_disk(folder / "journal").close()
        keeper = Keeper(short, SnapshotFolder(folder / "more"), clock=Noon())
        with timed("taking a state, between two events"):
            keeper._take(BEGIN)


if __name__ == "__main__":
    main(*(int(each.replace("_", "")) for each in sys.argv[1:] or ("100_000", "10_000")))
