"""What one strategy, one thread or one bad moment does stays there: the run and its record are not touched."""

from __future__ import annotations

import asyncio
import decimal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.runtime import runs, strangers
from tests.runtime.strangers import RAISED, SAID, WRONG, AllIn, Exact, Stranger
from workbench.connectors.profile import Profile
from workbench.core.errors import ConfigError
from workbench.core.events import StrategyFailed
from workbench.core.instrument import Instrument
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.data.journal import Journal
from workbench.data.lake import Lake
from workbench.data.reader import JournalReader
from workbench.data.segments import DiskFailed
from workbench.runtime import service
from workbench.runtime.build import backtest_session, data_range, replay
from workbench.runtime.config import Config
from workbench.runtime.paper import paper_plan
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.plan import Plan, from_entry, seat_of
from workbench.runtime.session import Session, drive
from workbench.runtime.state import StateFolder
from workbench.strategies.sma_cross import SmaCross

COIN = Instrument(venue="sim", symbol="BTC/USDT", tick=Decimal(1), lot=Decimal(1))
ROWS = 60


# --- what a strategy says and raises --------------------------------------------------------------


def beside(what: str) -> Plan:
    return runs.plan({"trend": SmaCross(fast=5, slow=12), "stranger": Stranger(what=what)}, rows=ROWS)


def trades_of(engine: Any, name: str) -> list[tuple[int, int, int]]:
    ledger = engine.ledger
    mine = [each for each in ledger.fills if ledger.orders[each.order_id].order.strategy_id == name]
    return [(each.ts_event, each.quantity_raw, each.price_raw) for each in mine]


@pytest.fixture(scope="module")
def undisturbed() -> list[tuple[int, int, int]]:
    """What the good strategy does beside one that never says a word."""
    trades = trades_of(runs.backtest(beside("")).engine, "trend")
    assert len(trades) > 2
    return trades


@pytest.mark.parametrize("what", [*SAID, *WRONG, *RAISED])
def test_a_run_beside_a_stranger_goes_on_stops_resumes_and_replays(
    what: str, tmp_path: Path, undisturbed: list[tuple[int, int, int]]
) -> None:
    stop = runs.StopAfter(strangers.AT + 10)
    plan = beside(what)
    runs.paper(plan, tmp_path, before=stop.bind, sinks=[stop])
    run = runs.paper(plan, tmp_path)
    reader = JournalReader(tmp_path / "journal")
    failed = [each.strategy_id for each in reader.records() if isinstance(each, StrategyFailed)]
    assert failed == ([] if what in SAID else ["stranger"])
    assert trades_of(run.engine, "trend") == undisturbed
    _, copy = replay(reader, datasets=runs.datasets())
    assert copy.digest() == reader.verify().digest


# --- whose cash it is -----------------------------------------------------------------------------


def priced(folder: Path, *prices: int) -> Dataset:
    """Minutes that open, stay and close at these prices."""
    file = folder / "prices.csv"
    rows = [f"2024-01-01T00:{minute:02}:00Z,{p},{p},{p},{p},1000" for minute, p in enumerate(prices)]
    file.write_text("\n".join(["time,open,high,low,close,volume", *rows]), encoding="utf-8")
    return Lake(folder / "lake").import_file(file, id="prices", instrument=COIN)


def seated(data: Dataset, cash: str = "1000", **strategies: Strategy) -> Session:
    """A finished backtest without fees of strategies with equal cash."""
    seats = {name: seat_of(each, instruments=(data.instrument.key,), cash=cash) for name, each in strategies.items()}
    plan = Plan(
        base_currency="USDT",
        instruments=(data.instrument,),
        seats=seats,
        data=(data_range(data),),
        profile=Profile(maker_rate=0, taker_rate=0),
    )
    started = plan.started(plan.run_id(), data.start)
    session, _ = backtest_session(started, make=from_entry, datasets={data.id: data}, journal=Journal.memory())
    session.begin(started)
    drive(session.run())
    return session


@pytest.mark.parametrize("quantity", ["", "20"])
def test_a_seat_trades_as_if_it_were_alone_whatever_the_other_one_spends(quantity: str, tmp_path: Path) -> None:
    data = priced(tmp_path, 100, 150, 150, 120, 130)
    greedy = AllIn(quantity=quantity)
    alone = seated(data, a=greedy)
    both = seated(data, a=greedy, b=greedy)
    first, *_ = alone.engine.ledger.fills
    assert (first.quantity, first.price) == (6, 150)
    for name in ("a", "b"):
        assert trades_of(both.engine, name) == trades_of(alone.engine, "a")
        assert 0 <= both.engine.ledger.accounts[name].cash == alone.engine.ledger.accounts["a"].cash


# --- the thread's arithmetic ----------------------------------------------------------------------

CONTEXTS = {
    "three digits, down": decimal.Context(prec=3, rounding=decimal.ROUND_DOWN),
    "four digits, up": decimal.Context(prec=4, rounding=decimal.ROUND_UP),
    "nothing inexact": decimal.Context(prec=4, traps=[decimal.Inexact]),
}


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
def test_the_decimal_context_of_the_thread_changes_no_byte_of_a_journal(context: decimal.Context) -> None:
    seated_together: list[dict[str, Strategy]] = [{"exact": Exact()}, {"all": AllIn()}, {"a": Exact(), "b": AllIn()}]
    for strategies in seated_together:
        plan = runs.plan(strategies, rows=ROWS)
        seats = {name: msgspec.structs.replace(each, cash="12345.67") for name, each in plan.seats.items()}
        plan = msgspec.structs.replace(plan, seats=seats)
        expected = runs.backtest(plan)
        with decimal.localcontext(context):
            session = runs.backtest(plan)
        assert session.engine.ledger.fills
        assert session.journal.digest() == expected.journal.digest()


def config(**more: Any) -> Config:
    entry = "workbench.strategies.sma_cross:SmaCross"
    return Config.model_validate(
        {
            "environment": "dev",
            "data": [{"dataset": runs.SAMPLE, "end": "2017-09-01", "speed": 0}],
            "strategies": [{"id": name, "strategy": entry, "symbols": ["*"]} for name in "abc"],
            **more,
        }
    )


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
def test_the_decimal_context_of_the_thread_changes_no_share_of_cash(context: decimal.Context, tmp_path: Path) -> None:
    with decimal.localcontext(context):
        planned = paper_plan(config(cash="123456.79"), Lake(tmp_path), releases=tmp_path)
    assert {each.cash for each in planned.plan.seats.values()} == {"41152.26"}


# --- data given twice -----------------------------------------------------------------------------


def test_a_paper_run_refuses_data_that_would_trade_twice(tmp_path: Path) -> None:
    twice = [{"dataset": runs.SAMPLE, "end": "2017-09-01", "speed": 0}] * 2
    with pytest.raises(ConfigError, match=f"{runs.SAMPLE} is given twice"):
        paper_plan(config(data=twice), Lake(tmp_path), releases=tmp_path)


def test_a_paper_run_refuses_two_intervals_of_one_instrument(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    for name, step in (("minutes", 1), ("fives", 5)):
        rows = [f"2024-01-01T00:{minute:02}:00Z,1,1,1,1,1" for minute in range(0, 30, step)]
        file = tmp_path / f"{name}.csv"
        file.write_text("\n".join(["time,open,high,low,close,volume", *rows]), encoding="utf-8")
        lake.import_file(file, id=name, instrument=COIN)
    with pytest.raises(ConfigError, match=r"minutes and fives both hold \w+ of sim:BTC/USDT"):
        paper_plan(config(data=[{"dataset": "minutes"}, {"dataset": "fives"}]), lake, releases=tmp_path)


# --- the heartbeat --------------------------------------------------------------------------------


class FullOnce(StateFolder):
    """A state directory whose disk is full for one moment."""

    writes = 0

    def write_status(self, status: dict[str, Any]) -> None:
        self.writes += 1
        if self.writes == 3:
            raise OSError("no space left on device")
        super().write_status(status)


def slow(state: StateFolder) -> PaperRun:
    """A run whose data would play for many times longer than any test has patience."""
    return PaperRun(runs.plan(rows=100), state, datasets=runs.datasets(), make=from_entry, speed=3600.0)


@pytest.fixture
def fast_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "HEARTBEAT_S", 0.02)


@pytest.mark.usefixtures("fast_heart")
def test_a_heart_that_cannot_write_its_status_once_beats_on_and_ends_the_run_in_time(tmp_path: Path) -> None:
    state = FullOnce(tmp_path)
    asyncio.run(asyncio.wait_for(slow(state).run(seconds=0.3), timeout=10))
    assert state.writes > 5
    assert state.status()["state"] == "stopped"


@pytest.mark.usefixtures("fast_heart")
def test_a_heart_whose_journal_fails_ends_the_run_with_that_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_frame, live = Journal.close_frame, PaperRun._live

    def failing_once(journal: Journal) -> None:
        monkeypatch.setattr(Journal, "close_frame", close_frame)
        raise DiskFailed("the disk is gone")

    def from_the_first_beat_on(run: PaperRun, *rest: Any) -> Any:
        monkeypatch.setattr(Journal, "close_frame", failing_once)
        return live(run, *rest)

    monkeypatch.setattr(PaperRun, "_live", from_the_first_beat_on)
    began = time.monotonic()
    with pytest.raises(DiskFailed, match="the disk is gone"):
        asyncio.run(asyncio.wait_for(slow(StateFolder(tmp_path)).run(), timeout=6))
    assert time.monotonic() - began < 5
