"""What a run's process is made of: lease, inbox, bus, paced feed, watched files, state folder."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.runtime.runs import backtest, datasets, paper, plan, sample
from workbench.core.clock import SECOND, Nanos
from workbench.core.errors import ConfigError, CorruptState, InvariantError, LeaseHeld, VenueUnavailable
from workbench.core.events import Event, Halt, MarketDataEvent, ParametersChanged, Pause, SetParameters
from workbench.core.ports import Sink
from workbench.data.reader import JournalReader
from workbench.runtime.bus import MemoryBus
from workbench.runtime.feed import merged, paced
from workbench.runtime.inbox import MAX_COMMANDS, Inbox
from workbench.runtime.lease import Lease, holder
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.plan import from_entry, seat_of, strategy_class
from workbench.runtime.session import drive
from workbench.runtime.source import source_hash
from workbench.runtime.state import StateFolder
from workbench.runtime.watch import FileWatch
from workbench.strategies.manual import ManualTarget
from workbench.strategies.sma_cross import SmaCross

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from workbench.runtime.lease import Lease
with Lease(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


# --- lease ----------------------------------------------------------------------------------------


def test_a_second_process_is_refused_by_the_pid_of_the_first_and_a_kill_releases_the_lease(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert holder(tmp_path) == child.pid
        with pytest.raises(LeaseHeld, match=f"process {child.pid} is running here"), Lease(tmp_path):
            pass
        child.send_signal(signal.SIGKILL)
    assert holder(tmp_path) is None
    with Lease(tmp_path):
        assert holder(tmp_path) == os.getpid()
    assert holder(tmp_path) is None
    assert holder(tmp_path / "nowhere") is None


def test_somebody_who_only_looks_who_holds_the_lease_does_not_keep_a_run_from_starting(tmp_path: Path) -> None:
    with Lease(tmp_path):
        pass
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            holder(tmp_path)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(300):
            with Lease(tmp_path):
                pass
    finally:
        done.set()
        thread.join()


# --- inbox and feed -------------------------------------------------------------------------------


def pause(number: int) -> Pause:
    return Pause("operator", number, number, number)


def test_the_inbox_is_bounded_and_says_so_to_the_sender() -> None:
    inbox = Inbox()
    for number in range(MAX_COMMANDS):
        inbox.put(pause(number))
    with pytest.raises(VenueUnavailable, match="1000 commands are waiting"):
        inbox.put(pause(0))


def test_the_inbox_gives_commands_in_order_and_wakes_for_one_that_comes_or_a_stop() -> None:
    async def story() -> list[Any]:
        inbox = Inbox()
        inbox.put(pause(1))
        inbox.put(pause(2))
        found: list[Any] = [await inbox.next(0), await inbox.next(5), await inbox.next(0), await inbox.next(0.01)]
        asyncio.get_running_loop().call_later(0.01, inbox.put, pause(3))
        found.append(await inbox.next(5))
        asyncio.get_running_loop().call_later(0.01, inbox.stop)
        found += [await inbox.next(5), await inbox.next(5)]
        return found

    assert asyncio.run(story()) == [pause(1), pause(2), None, None, pause(3), None, None]


class Ticking:
    """The loop's own clock."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.origin = self.loop.time()

    def now(self) -> Nanos:
        return Nanos(int((self.loop.time() - self.origin) * SECOND))


def rows(count: int) -> list[MarketDataEvent]:
    return list(sample().events(0, count))


def test_a_paced_feed_gives_rows_when_they_are_due_and_no_sooner() -> None:
    async def story() -> None:
        clock, inbox, given = Ticking(), Inbox(), rows(4)
        began = clock.now()
        async for row in paced(iter(given), speed=360_000.0, clock=clock, inbox=inbox):  # an hour in 10 ms
            due = (row.ts_init - given[0].ts_init) // 360_000
            assert clock.now() - began >= due

    asyncio.run(story())


def test_commands_come_between_rows_in_order_and_at_the_time_of_the_data() -> None:
    async def story() -> list[Event]:
        inbox, given, seen = Inbox(), rows(4), []
        async for event in paced(iter(given), speed=0, clock=Ticking(), inbox=inbox):
            seen.append(event)
            if event is given[1]:
                inbox.put(pause(7))
                inbox.put(pause(8))
        return seen

    first, second, seven, eight, third, fourth = asyncio.run(story())
    assert [first, second, third, fourth] == rows(4)
    assert [(each.sequence, each.ts_event, each.ts_init) for each in (seven, eight)] == [
        (7, 7, second.ts_init),
        (8, 8, second.ts_init),
    ]


def test_a_feed_that_is_told_to_stop_gives_the_commands_it_has_and_no_further_row() -> None:
    async def story() -> list[Event]:
        inbox, seen = Inbox(), []
        async for event in paced(iter(rows(9)), speed=0, clock=Ticking(), inbox=inbox):
            seen.append(event)
            if len(seen) == 3:
                inbox.put(pause(1))
                inbox.stop()
        return seen

    seen = asyncio.run(story())
    assert [type(each).__name__ for each in seen] == ["Bar", "Bar", "Bar", "Pause"]


def test_a_feed_that_waits_for_its_next_row_stops_at_once() -> None:
    async def story() -> int:
        inbox, count = Inbox(), 0
        asyncio.get_running_loop().call_later(0.02, inbox.stop)
        async for _ in paced(iter(rows(9)), speed=0.001, clock=Ticking(), inbox=inbox):
            count += 1
        return count

    assert asyncio.run(asyncio.wait_for(story(), 5)) == 1


def test_several_streams_merge_by_time_and_at_equal_times_by_symbol() -> None:
    other = msgspec.structs.replace(sample().instrument, symbol="AAA/USDT")
    twins = [msgspec.structs.replace(each, instrument=other) for each in rows(3)]
    found = [(each.sequence, each.symbol) for each in merged([iter(rows(3)), iter(twins)])]
    assert found == [(n, symbol) for n in range(3) for symbol in ("AAA/USDT", "BTC/USDT")]


# --- bus and session ------------------------------------------------------------------------------


class LogSink:
    """What a stranger writes to add a sink: one class, no other file touched."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        for each in (event, *consequences):
            self._log.info("%s %s", type(each).__name__, each.id)


class Broken:
    heard = 0

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        self.heard += 1
        raise OSError("disk full")


def test_a_sink_that_raises_is_dropped_and_named_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    broken: Any = Broken()
    sinks: list[Sink] = [broken, LogSink(logging.getLogger("fills"))]
    run = paper(plan({"trend": SmaCross(fast=5, slow=12)}, rows=60), tmp_path, sinks=sinks)
    assert broken.heard == 1
    assert "sink Broken failed and is dropped" in caplog.text
    assert run.engine is not None
    logged = [each.message for each in caplog.records if each.name == "fills"]
    assert sum(each.startswith("FillEvent") for each in logged) == len(run.engine.ledger.fills) > 0
    assert sum(each.startswith("Bar") for each in logged) == 60


def test_a_sink_added_later_hears_everything_from_there_on() -> None:
    bus, heard = MemoryBus(), []

    class Ear:
        def record(self, event: Event, consequences: Sequence[Event]) -> None:
            heard.append((event, tuple(consequences)))

    bus.publish(pause(1), ())
    bus.add(Ear())
    bus.publish(pause(2), (pause(3),))
    assert heard == [(pause(2), (pause(3),))]


def test_a_backtest_that_would_wait_for_something_outside_is_an_error_of_ours() -> None:
    async def waits() -> None:
        await asyncio.sleep(0)

    with pytest.raises(InvariantError, match="waited"):
        drive(waits())


# --- plan, source, watched files, state ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("workbench.strategies.sma_cross", "expected module:name"),
        (":SmaCross", "expected module:name"),
        (".sma_cross:SmaCross", "expected module:name"),
        ("workbench.strategies.sma_cross:", "expected module:name"),
        ("no_such_module:SmaCross", "no module 'no_such_module'"),
        ("workbench.strategies.sma_cross:Smacross", "offers SmaCross"),
        ("workbench.core.strategy:Strategy", "offers no strategy"),
        ("workbench.core.errors:ConfigError", "offers no strategy"),
    ],
)
def test_an_entry_that_names_no_strategy_says_what_is_there(entry: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        strategy_class(entry)


def test_a_strategys_identity_is_its_syntax_and_that_of_its_own_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "own_strategies"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "levels.py").write_text("LEVEL = 1\n")
    module = folder / "idea.py"
    code = (
        "from workbench.core.strategy import Strategy\nfrom . import levels\nimport own_strategies.levels, json\n\n"
        "class Idea(Strategy):\n    def on_market_data(self, event):\n        return None\n"
    )
    module.write_text(code)
    kind = strategy_class("own_strategies.idea:Idea")
    before = source_hash(kind)
    module.write_text(code + "\n# a comment and some room\n\n")
    assert source_hash(kind) == before
    (folder / "levels.py").write_text("LEVEL = 2\n")
    changed = source_hash(kind)
    assert changed != before
    module.write_text(code.replace("None", "[]"))
    assert source_hash(kind) not in (before, changed)


def test_a_plan_survives_its_way_through_the_journals_first_record() -> None:
    wanted = plan()
    session = backtest(plan(rows=20))
    assert type(wanted).of(wanted.started("id", 0)) == wanted
    assert session.engine.ledger.started.run_id == plan(rows=20).run_id() != wanted.run_id()


def manual(path: Path) -> dict[str, Any]:
    return {"hand": ManualTarget(path=str(path))}


def test_a_watched_file_enters_the_run_as_a_command_when_it_changes_and_not_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "targets.json"
    watch = FileWatch(backtest(plan(manual(file), rows=5)).engine)
    assert watch.changes(1) == []
    assert "cannot be read" in caplog.text
    file.write_text('{"BTC/USDT": "0.5"}\n')
    (command,) = watch.changes(2)
    assert (command.strategy_id, command.values) == ("hand", {"targets": '{"BTC/USDT": "0.5"}'})
    assert watch.changes(3) == []
    file.write_text("x" * 100_001)
    assert watch.changes(4) == []
    assert "larger than" in caplog.text


def test_a_target_written_into_a_file_is_traded_by_a_paper_run(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    file.write_text('{"BTC/USDT": "0.5"}')
    run = paper(plan(manual(file), rows=300), tmp_path / "state")
    assert run.engine is not None
    assert len(run.engine.ledger.fills) >= 1
    assert run.engine.portfolio.traders["hand"].strategy.get_parameters()["targets"] == '{"BTC/USDT": "0.5"}'


def test_the_state_folder_mirrors_ready_and_halt_and_a_dead_run_is_stopped(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    assert state.status()["state"] == "stopped"
    seen: list[tuple[bool, bool, str]] = []

    class Watcher:
        run: Any = None

        def record(self, event: Event, consequences: Sequence[Event]) -> None:
            if isinstance(event, Halt):
                self.run._write_status()
                told = state.status()
                seen.append(((state.path / "READY").exists(), (state.path / "HALT").exists(), told["state"]))
            elif isinstance(event, MarketDataEvent) and event.sequence == 20:
                self.run.inbox.put(Halt("operator", 1, 1, 1, reason="smoke"))

    watcher = Watcher()
    run = paper(plan(rows=40), state.path, before=lambda run: setattr(watcher, "run", run), sinks=[watcher])
    assert seen == [(False, True, "halted")]
    assert (state.path / "HALT").read_text() == "smoke"
    told = state.status()
    assert (told["state"], told["halt_reason"], told["run_id"], told["pid"]) == ("halted", "smoke", run.run_id, None)
    assert json.loads((state.path / "status.json").read_text())["unknown_orders"] == 0
    (state.path / "status.json").write_text("{")
    with pytest.raises(CorruptState, match=r"status\.json: expected JSON"):
        state.status()


def test_a_run_ends_when_its_time_is_over(tmp_path: Path) -> None:
    run = PaperRun(plan(rows=300), StateFolder(tmp_path), datasets=datasets(), make=from_entry, speed=1.0)
    asyncio.run(asyncio.wait_for(run.run(seconds=0.05), 5))
    assert run.status()["state"] == "stopped"
    assert StateFolder(tmp_path).lake().root.parent == tmp_path


def test_a_refused_change_of_parameters_is_in_the_journal_of_the_run(tmp_path: Path) -> None:
    class Setter:
        run: Any = None

        def record(self, event: Event, consequences: Sequence[Event]) -> None:
            if event.sequence == 20 and isinstance(event, MarketDataEvent):
                self.run.inbox.put(SetParameters("operator", 1, 1, 1, strategy_id="trend", values={"fast": 99}))

    setter = Setter()
    strategies: dict[str, Any] = {"trend": SmaCross(fast=5, slow=12)}
    paper(plan(strategies, rows=40), tmp_path, before=lambda run: setattr(setter, "run", run), sinks=[setter])
    records = list(JournalReader(tmp_path / "journal").records())
    (changed,) = [each for each in records if isinstance(each, ParametersChanged)]
    assert "fast must be shorter than slow" in changed.refused


def test_a_seat_names_the_class_its_parameters_and_its_source() -> None:
    seat = seat_of(SmaCross(fast=3, slow=9), instruments=("a:B/C",), cash="5")
    assert (seat.entry, seat.parameters) == ("workbench.strategies.sma_cross:SmaCross", {"fast": 3, "slow": 9})
    assert seat.source == source_hash(SmaCross)
