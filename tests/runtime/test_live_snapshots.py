"""A live run on the local exchange that was killed goes on from its last snapshot as it would from its journal."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from tests.runtime.image import image
from workbench.data.reader import JournalReader
from workbench.data.scan import BEGIN
from workbench.data.snapshots import Found, SnapshotFolder
from workbench.runtime.config import Config
from workbench.runtime.live import LiveRun
from workbench.runtime.plan import engine_of, from_entry
from workbench.runtime.recovery import Replay
from workbench.runtime.snapshots import Keeper, usable
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import reaches
from workbench.trading.engine import Engine
from workbench.twin.server import LocalExchange

PATIENCE_S = 60.0  # of a machine that has other things to do


def config(twin: LocalExchange, targets: Path) -> Config:
    return Config.model_validate(
        {
            "live": {"enabled": True},
            "snapshot": {"every_s": 0.3},
            "venues": {
                "binance": {
                    "connector": "ccxt",
                    "exchange": "binance",
                    "rest_url": twin.rest_url,
                    "stream_url": twin.stream_url,
                    "credentials": "secret://env/TWIN",
                }
            },
            "strategies": [
                {
                    "id": "hand",
                    "strategy": "workbench.strategies.manual:ManualTarget",
                    "symbols": ["binance:BTC/USDT"],
                    "parameters": {"path": str(targets)},
                },
                {
                    "id": "quotes",
                    "strategy": "workbench.strategies.quoting:TwoSidedQuotes",
                    "symbols": ["binance:ETH/USDT"],
                },
            ],
        }
    )


class Desk:
    """A live run in parts, over one state directory."""

    def __init__(self, folder: Path, twin: LocalExchange) -> None:
        self.state = StateFolder(folder / "state")
        self.targets = folder / "targets.json"
        self.want("0.3")
        self.config = config(twin, self.targets)

    def want(self, exposure: str) -> None:
        self.targets.write_text(json.dumps({"BTC/USDT": exposure}))

    async def part(self, exposure: str, *, killed: bool) -> LiveRun:
        """The run until it holds what was wanted and a snapshot was taken since; then its end."""
        run = LiveRun(
            self.config,
            self.state,
            connect=lambda config, recorded: reaches(
                config,
                clock=run._clock,
                folder=self.state.path,
                instruments=recorded.instruments if recorded else (),
            ),
            releases=Path("config/releases"),
        )
        task = asyncio.create_task(run.run())
        await self._until(
            task, lambda: run.engine is not None and bool(run.engine.ledger.living or run.engine.ledger.fills)
        )
        assert run.engine is not None
        fills = len(run.engine.ledger.fills)
        self.want(exposure)
        await self._until(task, lambda: run.engine is not None and len(run.engine.ledger.fills) > fills)
        taken = run._keeper._at
        await self._until(task, lambda: run._keeper._at > taken + 1)
        if killed:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            run.inbox.stop()
            await task
        return run

    async def _until(self, task: asyncio.Task[None], met: object) -> None:
        end = asyncio.get_running_loop().time() + PATIENCE_S
        while not met():  # type: ignore[operator]
            assert not task.done(), task.result()
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.05)

    def replayed(self, found: Found | None) -> Engine:
        """What the journal leads to from a snapshot, or from its first record."""
        started = JournalReader(self.state.journal).started()
        engine = engine_of(started, from_entry)
        at = found.snapshot.position if found else BEGIN
        if found is not None:
            Keeper(engine, SnapshotFolder(self.state.snapshots), clock=Noon()).restore(found)
        replay = Replay(engine, iter(()))
        replay.records = at.records
        replay.walk(JournalReader(self.state.journal, since=at).records(at.records))
        return engine

    def usable(self) -> list[Found]:
        started = JournalReader(self.state.journal).started()
        return list(usable(SnapshotFolder(self.state.snapshots), self.state.journal, started))


class Noon:
    """A clock that stands."""

    def now(self) -> int:
        return 1_700_000_000 * 10**9


def test_a_live_run_that_is_killed_goes_on_from_its_last_snapshot_as_from_its_whole_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TWIN_API_KEY", "twin-key")
    monkeypatch.setenv("TWIN_API_SECRET", "twin-secret")
    caplog.set_level(logging.INFO)

    async def story() -> None:
        async with LocalExchange(world="synthetic", seed=1) as twin:
            desk = Desk(tmp_path, twin)
            await desk.part("0.1", killed=True)
            found = desk.usable()
            assert found
            whole = image(desk.replayed(None))
            assert all(image(desk.replayed(each)) == whole for each in found)
            caplog.clear()
            await desk.part("0.4", killed=False)
            assert f"{found[0].path}: the run goes on from record {found[0].snapshot.records}" in caplog.text
            newest = desk.usable()[0]
            assert newest.snapshot.records == JournalReader(desk.state.journal).verify().records  # an orderly end
            for each in desk.usable():
                each.path.write_bytes(b"spoilt")
            caplog.clear()
            await desk.part("0.2", killed=False)
            assert caplog.text.count("it is not used: it is not a snapshot") == 3
            assert "the run goes on from record" not in caplog.text
            assert image(desk.replayed(desk.usable()[0])) == image(desk.replayed(None))
            ours = {each.trade_id for each in desk.replayed(None).ledger.fills}
            assert ours == {str(each.print.trade_id) for each in twin.truth().trades}

    asyncio.run(story())
