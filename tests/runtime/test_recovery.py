"""A run that was stopped, killed or cut goes on as if nothing had happened, and a replay proves it."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.runtime import runs
from tests.runtime.runs import PROFILES, StopAfter, backtest, datasets, ledger_digest, paper, plan, sample
from tests.trading.styles import Guarded, Maker
from workbench.connectors.paper import PaperConnector
from workbench.connectors.profile import Profile
from workbench.core.clock import Nanos
from workbench.core.errors import ConfigError, CorruptState, DataError, LeaseHeld
from workbench.core.events import Consequence, FillEvent, Flatten, OrderEvent, Pause, RunStarted, SignalEvent
from workbench.core.order import Role
from workbench.data.dataset import content_sha256
from workbench.data.journal import Journal, Rows
from workbench.data.reader import JournalReader
from workbench.runtime.build import SIMULATED, replay, rows_of, simulated_venue
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.plan import Plan, engine_of, from_entry
from workbench.runtime.recovery import Replay
from workbench.strategies.sma_cross import SmaCross

LONG = bool(os.environ.get("WORKBENCH_LONG"))
ROOT = Path(__file__).parents[2]


def stopped_after(events: int, folder: Path, **more: object) -> PaperRun:
    sink = StopAfter(events)
    return paper(plan(rows=150), folder, before=sink.bind, sinks=[sink], **more)  # type: ignore[arg-type]


def check_journal(folder: Path, final: str, *, received: bool = False) -> None:
    """It verifies, replays to its own digest, and tells the ledger it should."""
    reader = JournalReader(folder / "journal")
    verified = reader.verify()
    assert verified.torn_bytes == 0
    engine, copy = replay(reader, datasets=datasets(received))
    assert copy.digest() == verified.digest
    assert engine.ledger.digest() == final
    ids = [each.order_id for each in reader.records() if isinstance(each, OrderEvent)]
    assert len(ids) == len(set(ids))
    assert len(engine.ledger.fills) == len({(each.order_id, each.trade_id) for each in engine.ledger.fills})


# --- backtest, paper, replay ----------------------------------------------------------------------


@pytest.mark.parametrize("received", [False, True], ids=["quote-fees", "received-fees"])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_a_paper_run_over_stored_data_has_the_ledger_of_its_backtest(
    profile: Profile, received: bool, tmp_path: Path
) -> None:
    wanted = plan(rows=200, profile=profile, received=received)
    tested = backtest(wanted, received=received)
    papered = paper(wanted, tmp_path, received=received)
    assert len(tested.engine.ledger.fills) > 50
    assert ledger_digest(papered) == ledger_digest(tested)
    check_journal(tmp_path, ledger_digest(tested), received=received)


def test_a_backtest_gives_the_same_bytes_twice_and_replays_to_its_own_digest() -> None:
    first, second = backtest(plan()), backtest(plan())
    assert first.journal.digest() == second.journal.digest()
    engine, copy = replay(JournalReader(first.journal), datasets=datasets())
    assert (copy.digest(), engine.ledger.digest()) == (first.journal.digest(), ledger_digest(first))


def test_no_order_fills_in_the_bar_that_caused_it_nor_at_a_price_it_had_seen() -> None:
    caused: dict[str, str] = {}
    orders: dict[str, int] = {}
    fills = 0
    for event in JournalReader(backtest(plan()).journal).records():
        if isinstance(event, Consequence):
            caused[event.id] = event.cause
        if isinstance(event, OrderEvent):
            orders[event.order_id] = _bar_of(event.cause, caused)
        elif isinstance(event, FillEvent):
            fills += 1
            assert _bar_of(event.cause, caused) > orders[event.order_id]
    assert fills > 200


def _bar_of(cause: str, caused: dict[str, str]) -> int:
    """The row at the beginning of a chain of causes."""
    while cause in caused:
        cause = caused[cause]
    source, _, row = cause.rpartition("/")
    assert source == runs.SAMPLE
    return int(row)


def test_a_backtest_gives_the_same_bytes_whatever_the_hash_seed_is() -> None:
    script = "from tests.runtime.runs import *; print(backtest(plan(rows=150)).journal.digest())"
    seeded = {**os.environ, "PYTHONHASHSEED": "1"}
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=seeded, capture_output=True, text=True)
    assert found.stdout == backtest(plan(rows=150)).journal.digest() + "\n", found.stderr


# --- stop and go on -------------------------------------------------------------------------------


def test_a_run_that_is_stopped_and_taken_up_at_random_moments_has_the_ledger_of_an_uninterrupted_one(
    tmp_path: Path,
) -> None:
    wanted = backtest(plan(rows=150))
    chance = random.Random(7)
    for number in range(30 if LONG else 2):
        folder = tmp_path / str(number)
        while True:
            run = stopped_after(chance.randint(1, 200), folder)
            if not run.inbox.stopping:
                break
        assert ledger_digest(run) == ledger_digest(wanted)
        check_journal(folder, ledger_digest(wanted))


def test_a_run_taken_up_twice_does_not_take_the_wall_clock_for_the_time_of_its_data(tmp_path: Path) -> None:
    for _ in range(4):  # a target that lapses is standing at one of the stops
        stopped_after(17, tmp_path)
    run = paper(plan(rows=150), tmp_path)
    assert ledger_digest(run) == ledger_digest(backtest(plan(rows=150)))


def test_a_run_that_ended_and_is_started_again_ends_at_once_with_the_same_ledger(tmp_path: Path) -> None:
    first = paper(plan(rows=60), tmp_path)
    again = paper(plan(rows=60), tmp_path)
    assert (again.run_id, ledger_digest(again)) == (first.run_id, ledger_digest(first))


def test_a_run_with_another_plan_is_refused_and_leaves_the_journal_as_it_is(tmp_path: Path) -> None:
    stopped_after(50, tmp_path)
    before = JournalReader(tmp_path / "journal").verify()
    with pytest.raises(ConfigError, match="with other strategies, costs; go on"):
        paper(plan({"trend": SmaCross(fast=6, slow=12)}, rows=150, profile=PROFILES["thin"]), tmp_path)
    assert JournalReader(tmp_path / "journal").verify() == before


def test_a_command_in_a_run_over_old_data_acts_at_the_time_of_the_data_and_is_recovered(tmp_path: Path) -> None:
    long = {"trend": SmaCross(fast=2, slow=3), "guarded": Guarded(every=40)}

    class Commander(StopAfter):
        def record(self, event: object, consequences: object) -> None:
            super().record(event, consequences)
            if self.run is not None and self.left == 20:
                now = time.time_ns()
                self.run.inbox.put(Flatten("operator", now, Nanos(now), Nanos(now), reason="a person said so"))

    sink = Commander(60)
    paper(plan(long, rows=150), tmp_path, before=sink.bind, sinks=[sink])
    run = paper(plan(long, rows=150), tmp_path)
    assert run.engine is not None
    closed = [each for each in run.engine.ledger.orders.values() if each.order.role is Role.FLATTEN]
    assert closed
    assert {each.status.value for each in closed} == {"filled"}
    check_journal(tmp_path, ledger_digest(run))


# --- cuts -----------------------------------------------------------------------------------------


def finished_journal(folder: Path, wanted: Plan) -> tuple[bytes, str, int]:
    """The bytes of a finished run's only segment, its ledger, and where its last record begins."""
    run = paper(wanted, folder)
    body = (folder / "journal" / "000001.journal").read_bytes()
    last = b"".join(line + b"\n" for line in [*JournalReader(folder / "journal").lines()][-1:])
    return body, ledger_digest(run), len(body) - len(last)


def cut_copy(body: bytes, at: int, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "journal").mkdir(parents=True)
    (folder / "journal" / "000001.journal").write_bytes(body[:at])
    return folder


def test_a_journal_whose_last_record_was_cut_at_every_byte_recovers_to_the_same_ledger(tmp_path: Path) -> None:
    wanted = plan({"trend": SmaCross(fast=2, slow=3)}, rows=6)
    body, final, last = finished_journal(tmp_path / "whole", wanted)
    for at in range(last, len(body) + 1):
        folder = cut_copy(body, at, tmp_path / "cut")
        assert ledger_digest(paper(wanted, folder)) == final, f"cut at byte {at} of {len(body)}"
    check_journal(tmp_path / "cut", final)


def test_a_journal_cut_anywhere_recovers_to_the_same_ledger(tmp_path: Path) -> None:
    body, final, _ = finished_journal(tmp_path / "whole", plan(rows=40))
    chance = random.Random(11)
    for at in sorted(chance.sample(range(len(body)), 200 if LONG else 10)):
        folder = cut_copy(body, at, tmp_path / "cut")
        assert ledger_digest(paper(plan(rows=40), folder)) == final, f"cut at byte {at} of {len(body)}"
        check_journal(folder, final)


def rewritten(folder: Path, lines: list[bytes]) -> Path:
    """A journal of these records, with its checks all in order."""
    shutil.rmtree(folder, ignore_errors=True)
    journal = Journal.on_disk(folder / "journal")
    for line in lines:
        journal._append(line)
    journal.close()
    return folder


def test_recovery_completes_consequences_that_a_crash_kept_from_being_written(tmp_path: Path) -> None:
    wanted = paper(plan(rows=40), tmp_path / "whole")
    lines = list(JournalReader(tmp_path / "whole" / "journal").lines())
    reader = JournalReader(tmp_path / "whole" / "journal")
    between = [
        number
        for number, line in enumerate(lines)
        if isinstance(reader.read(line), (SignalEvent, OrderEvent)) or b'"OrderUpdate"' in line
    ]
    assert len(between) > 60
    for number in between[:: 1 if LONG else 11]:
        folder = rewritten(tmp_path / "cut", lines[:number])
        run = paper(plan(rows=40), folder)
        assert ledger_digest(run) == ledger_digest(wanted), f"cut before record {number}: {lines[number]!r}"
        again = list(JournalReader(folder / "journal").lines())
        assert again[number] == lines[number]
        check_journal(folder, ledger_digest(wanted))


# --- SIGKILL --------------------------------------------------------------------------------------


def test_a_process_killed_at_random_moments_and_started_again_ends_with_the_same_ledger(tmp_path: Path) -> None:
    wanted = plan(rows=400)
    final = ledger_digest(backtest(wanted))
    chance, kills, number = random.Random(3), 0, 0
    while kills < (200 if LONG else 10):
        number += 1
        folder = tmp_path / str(number)
        for _ in range(5):
            child = multiprocessing.get_context("fork").Process(target=paper, args=(wanted, folder))
            child.start()
            child.join(chance.uniform(0.02, 0.6))
            if child.is_alive():
                child.kill()
                kills += 1
            child.join()
            assert child.exitcode in (0, -signal.SIGKILL)
        assert ledger_digest(paper(wanted, folder)) == final
        check_journal(folder, final)


# --- what a replay will not believe ---------------------------------------------------------------


def test_a_replay_detects_a_changed_strategy() -> None:
    session = backtest(plan({"s": SmaCross(fast=5, slow=12)}))
    with pytest.raises(CorruptState, match="its replay gives"):
        replay(
            JournalReader(session.journal),
            datasets=datasets(),
            make=lambda name, seat: SmaCross(fast=5, slow=13),
        )


def test_a_journal_that_names_another_source_than_the_strategy_has_is_refused() -> None:
    wanted = plan({"s": SmaCross(fast=5, slow=12)})
    seat = msgspec.structs.replace(wanted.seats["s"], source="0" * 64)
    with pytest.raises(ConfigError, match="its source is not the one this run started with"):
        from_entry("s", seat)


def test_a_replay_detects_a_changed_dataset() -> None:
    session = backtest(plan())
    data = sample()
    closes = data.columns["close"].copy()
    closes[100:300] = closes[100:300][::-1]
    lying = msgspec.structs.replace(data, columns={**data.columns, "close": closes})
    with pytest.raises(CorruptState):
        replay(JournalReader(session.journal), datasets={runs.SAMPLE: lying})
    digest = content_sha256(data.kind, data.instrument, data.interval_ns, lying.columns)
    with pytest.raises(DataError, match="the run was started on"):
        replay(JournalReader(session.journal), datasets={runs.SAMPLE: msgspec.structs.replace(lying, sha256=digest)})


def test_a_replay_over_data_that_ends_too_soon_says_so() -> None:
    session = backtest(plan())
    lines = list(JournalReader(session.journal).lines())
    started = session.engine.ledger.started
    shorter = msgspec.structs.replace(started, settings={**started.settings, "data": "[]"})
    journal = Journal.memory()
    journal.take(shorter)
    journal.close_frame()
    for line in lines[1:]:
        journal._append(line)
    with pytest.raises(CorruptState, match="the data ends before the journal does"):
        replay(JournalReader(journal), datasets=datasets())


def test_a_replay_detects_every_kind_of_edited_added_or_removed_record(tmp_path: Path) -> None:
    whole = list(JournalReader(backtest(plan(rows=60)).journal).lines())
    kinds: dict[str, int] = {}
    for number, line in enumerate(whole):
        kinds.setdefault(msgspec.json.decode(line)["type"], number)
    kinds.pop("RunStarted")
    assert {"Rows", "SignalEvent", "OrderEvent", "OrderUpdate", "OrderReport", "FillEvent"} <= kinds.keys()
    for kind, number in kinds.items():
        for edited in _edits(whole, number):
            journal = Journal.memory()
            for line in edited:
                journal._append(line)
            reader = JournalReader(journal)
            with pytest.raises((CorruptState, DataError)):
                _strict(reader)
            assert reader.verify().records == len(edited), kind


def _edits(lines: list[bytes], number: int) -> list[list[bytes]]:
    record = msgspec.json.decode(lines[number])
    changed = dict(record)
    for name in ("quantity", "price", "filled"):
        if name in record:
            changed[name] = "0.001" if record[name] != "0.001" else "0.002"
            break
    else:
        changed |= {"last": record["last"] + 1} if "last" in record else {"ts_event": record["ts_event"] + 1}
    edited = encode_plain(changed)
    return [[*lines[:number], edited, *lines[number + 1 :]], [*lines[:number], *lines[number + 1 :]]]


def encode_plain(record: dict[str, object]) -> bytes:
    return msgspec.json.Encoder(order="deterministic").encode(record)


def _strict(reader: JournalReader) -> None:
    """The recovery's walk: a venue stands beside the engine, so reports and fills are proven too."""

    async def nothing():  # type: ignore[no-untyped-def]
        return
        yield

    started = reader.started()
    recorded = Plan.of(started)
    connector = PaperConnector(SIMULATED, nothing(), simulated_venue(recorded), recorded.instruments)
    Replay(engine_of(started, from_entry), rows_of(recorded.data, datasets()), connector=connector).walk(
        reader.records()
    )


def test_a_second_run_in_the_same_state_directory_is_refused_while_the_first_one_lives(tmp_path: Path) -> None:
    class Intruder:
        refused = ""

        def record(self, event: object, consequences: object) -> None:
            if not self.refused:
                try:
                    with runs.StateFolder(tmp_path).lease():
                        pass
                except LeaseHeld as error:
                    self.refused = str(error)

    intruder = Intruder()
    paper(plan(rows=20), tmp_path, sinks=[intruder])
    assert str(os.getpid()) in intruder.refused


def test_the_journal_of_a_run_holds_rows_and_not_copies_of_the_data(tmp_path: Path) -> None:
    paper(plan(rows=60), tmp_path)
    records = list(JournalReader(tmp_path / "journal").records())
    assert isinstance(records[0], RunStarted)
    rows = [each for each in records if isinstance(each, Rows)]
    assert [number for each in rows for number in range(each.first, each.last + 1)] == list(range(60))


def test_a_paused_run_stays_paused_after_it_is_taken_up_again(tmp_path: Path) -> None:
    class Pauser(StopAfter):
        def record(self, event: object, consequences: object) -> None:
            super().record(event, consequences)
            if self.run is not None and self.left == 5:
                self.run.inbox.put(Pause("operator", 1, 1, 1, reason="tea"))

    sink = Pauser(30)
    quoting = {"maker": Maker()}
    paper(plan(quoting, rows=100), tmp_path, before=sink.bind, sinks=[sink])
    run = paper(plan(quoting, rows=100), tmp_path)
    assert run.engine is not None
    assert run.engine.gate.paused == {"": "tea"}
