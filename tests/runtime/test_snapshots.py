"""A run that goes on from a snapshot and the journal after it is the run that goes on from the journal alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from tests.runtime.chaos import Chaos, Moody, fresh, started
from tests.runtime.image import image
from tests.runtime.runs import backtest, datasets, plan
from tests.trading.styles import Guarded, Maker
from workbench.core.codec import encode
from workbench.core.errors import ConfigError, CorruptState
from workbench.core.events import Event, RunStarted
from workbench.core.ledger_memory import LedgerMemory, plain_of
from workbench.data import frames, schema
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.data.scan import BEGIN
from workbench.data.snapshots import FORMAT, KEPT, Found, SnapshotFolder, read
from workbench.data.store import Store
from workbench.runtime.build import rows_of
from workbench.runtime.plan import Plan, engine_of, from_entry
from workbench.runtime.recovery import Replay
from workbench.runtime.snapshots import Keeper, usable
from workbench.strategies.donchian import DonchianBreakout
from workbench.strategies.ema_cross import EmaCross
from workbench.strategies.rsi_reversion import RsiReversion
from workbench.trading.engine import Engine

LONG = bool(os.environ.get("WORKBENCH_LONG"))


class Noon:
    """A clock that stands."""

    def now(self) -> int:
        return 1_700_000_000 * 10**9


def whole(engine: Engine) -> str:
    """Everything an engine remembers, as text: equal text, equal engines."""
    state = {name: part.state() for name, part in engine.parts.items()}
    return json.dumps([state, LedgerMemory(engine.ledger).past()], default=plain_of)


def restored(found: Found, folder: SnapshotFolder, make: Callable[[], Engine] = fresh) -> Engine:
    engine = make()
    Keeper(engine, folder, clock=Noon()).restore(found)
    return engine


class Kept:
    """A run of chance with a journal and snapshots in a folder."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.path, self.chaos = folder, Chaos(seed)
        self.engine = self.chaos.engine
        self.journal = Journal.on_disk(folder / "journal")
        self.journal.take(started())
        self.folder = SnapshotFolder(folder / "snapshots")
        self.keeper = Keeper(self.engine, self.folder, clock=Noon())

    def go(self, events: int) -> None:
        for _ in range(events):
            event = self.chaos.next()
            facts, _ = self.engine.process(event)
            self.journal.take(event, facts)
            self.keeper.record(event, facts)

    def snap(self) -> None:
        asyncio.run(self.keeper.once(self.journal))

    def usable(self, first: RunStarted | None = None) -> list[Found]:
        return list(usable(self.folder, self.path / "journal", first or started()))

    def recovered(self, found: Found | None) -> Engine:
        """The run taken up again from a snapshot, or from its first record."""
        engine = restored(found, self.folder) if found else fresh()
        at = found.snapshot.position if found else BEGIN
        replay = Replay(engine, iter(()))
        replay.records = at.records
        replay.walk(JournalReader(self.path / "journal", since=at).records(at.records))
        return engine


# --- the law --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60 if LONG else 4))
def test_an_engine_restored_at_any_moment_answers_every_later_event_as_the_one_that_went_on(
    seed: int, tmp_path: Path
) -> None:
    async def story() -> None:
        run, chance = Kept(tmp_path, seed), random.Random(seed)
        others: list[Engine] = []
        for number in range(300):
            event = run.chaos.next()
            facts, requests = run.engine.process(event)
            run.journal.take(event, facts)
            run.keeper.record(event, facts)
            for other in others:
                found, asked = other.process(event)
                assert [encode(each) for each in found] == [encode(each) for each in facts], f"event {number}"
                assert list(asked) == list(requests)
            if chance.random() < 0.02:
                await run.keeper.once(run.journal)
                others = [*others[-3:], restored(run.usable()[0], run.folder)]
                assert whole(others[-1]) == whole(run.engine)
                assert image(others[-1]) == image(run.engine)
        assert others
        assert {whole(each) for each in others} == {whole(run.engine)}
        assert {each.ledger.digest() for each in others} == {run.engine.ledger.digest()}

    asyncio.run(story())


def test_a_snapshot_and_the_journal_after_it_give_what_the_whole_journal_gives(tmp_path: Path) -> None:
    run = Kept(tmp_path, 3)
    for events in (90, 1, 120, 40):
        run.go(events)
        run.snap()
    run.go(60)
    run.journal.close()
    first, *_, last = found = run.usable()
    assert first.snapshot.records > last.snapshot.records
    assert {whole(run.recovered(each)) for each in (None, *found)} == {whole(run.engine)}


def test_a_backtest_cut_at_any_record_and_restored_there_ends_as_it_ended(tmp_path: Path) -> None:
    strategies = {
        "guarded": Guarded(),
        "maker": Maker(),
        "donchian": DonchianBreakout(),
        "ema": EmaCross(),
        "rsi": RsiReversion(),
    }
    reader = JournalReader(backtest(plan(strategies, rows=250)).journal)
    first = reader.started()
    inputs: list[Event] = []
    ended = engine_of(first, from_entry)
    Replay(ended, rows_of(Plan.of(first).data, datasets()), seen=inputs.append).walk(reader.records())
    assert len(ended.ledger.fills) > 100
    for cut in random.Random(5).sample(range(len(inputs)), 8):
        run = Kept(tmp_path / str(cut))
        run.engine = engine_of(first, from_entry)
        keeper = Keeper(run.engine, run.folder, clock=Noon())
        for event in inputs[:cut]:
            keeper.record(event, run.engine.process(event)[0])
        asyncio.run(keeper.once(run.journal))
        engine = restored(next(run.folder.newest()), run.folder, lambda: engine_of(first, from_entry))
        for event in inputs[cut:]:
            engine.process(event)
        assert whole(engine) == whole(ended)


def test_a_journal_that_is_opened_further_on_goes_on_in_the_same_bytes_and_knows_its_whole_digest(
    tmp_path: Path,
) -> None:
    run = Kept(tmp_path)
    run.go(40)
    run.snap()
    run.go(40)
    run.journal.close()
    journal = Journal.on_disk(tmp_path / "journal", since=run.usable()[0].snapshot.position)
    assert journal.records == run.journal.records
    journal.take(run.chaos.next())
    digest = journal.digest()
    journal.close()
    verified = JournalReader(tmp_path / "journal").verify()
    assert (verified.digest, verified.records) == (digest, run.journal.records + 1)


# --- what is written ------------------------------------------------------------------------------


def test_a_snapshot_costs_what_is_open_and_what_is_new_not_how_long_the_run_has_lasted(tmp_path: Path) -> None:
    run = Kept(tmp_path)
    for trader in run.engine.portfolio.traders.values():
        trader.remembered = None  # of these an engine keeps a fixed number, which is not reached here
    sizes, past = [], []
    for _ in range(4):
        run.go(150)
        run.snap()
        sizes.append(run.usable()[0].path.stat().st_size)
        past.append(run.keeper._past.size)
    assert max(sizes) < 2 * min(sizes)
    assert max(after - before for before, after in pairwise(past)) < 6 * past[0]


def test_the_last_three_are_kept_and_one_that_knows_more_than_the_journal_is_not_of_it(tmp_path: Path) -> None:
    run = Kept(tmp_path)
    foreign = run.folder.path / f"{999:015d}.snapshot"
    foreign.write_bytes(b"nonsense\n")
    written = []
    for _ in range(5):
        run.go(10)
        run.snap()
        written.append(run.usable()[0].path)
    assert sorted(run.folder.path.glob("*.snapshot")) == written[-KEPT:]
    assert not list(run.folder.path.glob("*.part"))


def test_nothing_is_written_while_nothing_comes_in(tmp_path: Path) -> None:
    run = Kept(tmp_path)
    run.go(20)
    run.snap()
    before = run.usable()[0].path.stat().st_mtime_ns
    run.snap()
    assert run.usable()[0].path.stat().st_mtime_ns == before


def test_what_a_failed_write_left_out_is_in_the_next_snapshot(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Kept(tmp_path, 4)
    run.go(80)
    run.snap()
    run.go(80)
    aside = run.folder.path.rename(tmp_path / "aside")
    run.snap()
    assert "no snapshot was written" in caplog.text
    aside.rename(run.folder.path)
    run.go(1)
    run.snap()
    assert whole(restored(run.usable()[0], run.folder)) == whole(run.engine)


def test_a_strategy_that_keeps_something_outside_of_its_state_gets_no_snapshots_and_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Secretive(Moody):
        def on_fill(self, event: Event) -> None:
            self.mine = event

    run = Kept(tmp_path)
    run.keeper = Keeper(engine := fresh({"s": (strategy := Secretive())}), run.folder, clock=Noon())
    strategy.mine = engine
    run.go(5)
    run.snap()
    run.snap()
    assert caplog.text.count("strategy s keeps mine outside of its state") == 1
    assert run.usable() == []


def test_the_database_has_the_last_snapshot_of_each_run_and_forgets_it_with_the_run(tmp_path: Path) -> None:
    run = Kept(tmp_path)
    store = Store("sqlite://")
    store.create()
    reader = JournalReader(tmp_path / "journal")
    for _ in range(2):
        run.go(30)
        run.snap()
        store.catch_up(reader)
        (row,) = store.rows(schema.snapshots)
        found = run.usable()[0]
        assert (row.run_id, row.records, row.sha256) == ("chaos", found.snapshot.records, found.seal.sha256)
        assert hashlib.sha256(row.content.encode()).hexdigest() == row.sha256
    store.forget("chaos")
    assert store.rows(schema.snapshots) == []
    store.catch_up(reader)
    assert len(store.rows(schema.snapshots)) == 1
    store.close()


# --- what is believed -----------------------------------------------------------------------------


def spoilt(content: bytes) -> dict[str, tuple[bytes, str]]:
    seal, rest = content.split(b"\n", 1)
    sealed = json.loads(seal)
    newer = json.dumps({**sealed, "format": FORMAT + 1, "more": True}).encode()
    older = json.dumps({**sealed, "format": 0}).encode()
    return {
        "empty": (b"", "it is not a snapshot"),
        "torn": (content[: len(content) // 2], "its content is not what was written"),
        "a flipped bit": (content[:-9] + bytes([content[-9] ^ 1]) + content[-8:], "its content is not what was"),
        "another file": (b"\x00\x01", "it is not a snapshot"),
        "a newer format": (newer + b"\n" + rest, f"it has format {FORMAT + 1}, this program reads format {FORMAT}"),
        "an older format": (older + b"\n" + rest, f"it has format 0, this program reads format {FORMAT}"),
    }


def test_a_snapshot_that_cannot_be_believed_is_told_and_the_one_before_it_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Kept(tmp_path)
    for _ in range(2):
        run.go(60)
        run.snap()
    run.go(30)
    run.journal.close()
    newest, before = run.usable()
    content = newest.path.read_bytes()
    for what, (bad, why) in spoilt(content).items():
        caplog.clear()
        newest.path.write_bytes(bad)
        with pytest.raises(CorruptState):
            read(newest.path)
        assert [each.path for each in run.usable()] == [before.path], what
        assert f"{newest.path}: it is not used: {why}" in caplog.text
    assert whole(run.recovered(before)) == whole(run.engine)


def test_a_snapshot_of_another_run_plan_or_journal_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, other = Kept(tmp_path / "one", 1), Kept(tmp_path / "other", 2)
    for each in (run, other):
        each.go(50)
        each.snap()
        each.journal.close()
    assert run.usable()
    assert run.usable(started("another")) == []
    assert "it belongs to run chaos, this is run another" in caplog.text
    assert run.usable(msgspec.structs.replace(started(), cash={"a": "1"})) == []
    assert "it was taken of another plan" in caplog.text
    run.path = other.path
    assert run.usable() == []
    assert "the journal has no such place as record" in caplog.text


def test_a_past_that_was_changed_is_refused_before_anything_is_made_of_it(tmp_path: Path) -> None:
    run = Kept(tmp_path)
    run.go(80)
    run.snap()
    past = run.folder.path / "past"
    content = past.read_bytes()
    for bad in (content[:-1], content[:-5] + b"x" + content[-4:], b""):
        past.write_bytes(bad)
        with pytest.raises(CorruptState, match="bytes are not what was written"):
            restored(run.usable()[0], run.folder)
    past.write_bytes(content + b"what a crash left behind\n")
    assert whole(restored(run.usable()[0], run.folder)) == whole(run.engine)


def test_a_state_that_a_strategy_does_not_take_is_an_error_of_its_own(tmp_path: Path) -> None:
    run = Kept(tmp_path)
    run.go(60)
    run.snap()
    with pytest.raises(ConfigError, match="saved state does not fit"):
        restored(run.usable()[0], run.folder, lambda: fresh({name: Other() for name in ("a", "b", "c")}))


@pytest.mark.parametrize("version", [frames.VERSION - 1, frames.VERSION + 1])
def test_a_journal_of_another_format_is_refused_in_one_sentence_and_left_as_it_is(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "VERSION", version)
    run = Kept(tmp_path)
    run.go(30)
    run.snap()
    run.journal.close()
    monkeypatch.undo()
    before = {each.name: each.read_bytes() for each in (tmp_path / "journal").iterdir()}
    for since in (BEGIN, read(next(run.folder.path.glob("*.snapshot"))).snapshot.position):
        reader = JournalReader(tmp_path / "journal")
        with pytest.raises(CorruptState) as error:
            Journal.on_disk(tmp_path / "journal", since=since) if since is BEGIN else next(reader.lines())
        assert str(error.value) == (
            f"journal {tmp_path}/journal/000001.journal, offset 0: format version {version} is unknown here; "
            f"this program reads version {frames.VERSION}; nothing was changed"
        )
    assert run.usable() == []
    assert {each.name: each.read_bytes() for each in (tmp_path / "journal").iterdir()} == before


class Other(Moody):
    """The same with another state."""

    class State(Moody.State):
        fills: str = ""


@pytest.fixture(autouse=True)
def _all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
