"""Faults of the disk: without a durable intent no order leaves, and cancels need none."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bench import Stand
from tests.faults.virtual import seldom
from workbench.core.errors import CorruptState
from workbench.core.events import Event
from workbench.data import frames
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.data.schema import fills
from workbench.data.segments import DiskFailed, Segments
from workbench.data.store import Store
from workbench.runtime.build import replay
from workbench.runtime.follow import Follower

ALARM_S = 5.0  # from a disk that fails to the word of it
LAST_FRAMES = 3  # each ends with an intent or a heartbeat


async def played(stand: Stand) -> None:
    """A short run: bought, quoted, sold."""
    stand.say(quantity="0.01")
    await stand.until(lambda: stand.held() > 0, "it is bought")
    stand.say(quantity="0")
    await stand.until(lambda: stand.held() < Decimal("0.0001"), "it is sold")


# --- F49: power loss ------------------------------------------------------------------------------


async def test_f49_no_order_reaches_the_venue_before_its_intent_survives_a_loss_of_power(monkeypatch):
    durable: dict[str, int] = {}
    settle = os.fdatasync

    def note(descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        settle(descriptor)
        durable[os.readlink(f"/proc/self/fd/{descriptor}")] = size

    monkeypatch.setattr(os, "fdatasync", note)
    orphans: list[str] = []
    async with Stand() as stand:

        def accepted(event: Any) -> None:
            order = getattr(event, "order", None)
            if order is None or order.account != "main":
                return
            kept = b"".join(Path(name).read_bytes()[:size] for name, size in durable.items())
            if order.client_id.encode() not in kept:
                orphans.append(order.client_id)

        stand.exchange.listen(accepted)
        await played(stand)
        assert len(stand.ours()) == 2
        assert not orphans
        await stand.check()


async def test_f49_a_journal_cut_at_any_byte_of_its_last_records_is_cut_back_and_replays(monkeypatch, tmp_path):
    seldom(monkeypatch)  # little but the orders is in the last frames then
    async with Stand() as stand:
        await played(stand)
        await stand.stop()
        whole = stand.state / "journal"
        segment = max(whole.glob("*.journal"))
        content = segment.read_bytes()
        ends = frame_ends(segment)
        monkeypatch.setattr(os, "fsync", lambda _: None)  # thousands of cuts, and no power will be lost here
        monkeypatch.setattr(os, "fdatasync", lambda _: None)
        torn = tmp_path / "journal"
        for cut in range(ends[-LAST_FRAMES - 1] + 1, len(content)):
            shutil.rmtree(torn, ignore_errors=True)
            torn.mkdir()
            (torn / segment.name).write_bytes(content[:cut])
            Journal.on_disk(torn).close()
            kept = (torn / segment.name).read_bytes()
            assert kept == content[: max(end for end in ends if end <= cut)], f"cut at {cut}"
        for end in ends[-LAST_FRAMES - 1 :]:
            (torn / segment.name).write_bytes(content[:end])
            reader = JournalReader(torn)
            _, copy = replay(reader, datasets={})
            assert copy.digest() == reader.verify().digest


def frame_ends(segment: Path) -> list[int]:
    """Where each whole frame of a segment ends."""
    content, at, ends = segment.read_bytes(), frames.SEGMENT_HEADER, []
    while at < len(content):
        at += frames.FRAME_HEADER + frames.frame_header(content[at : at + frames.FRAME_HEADER]).length
        ends.append(at)
    return ends


# --- F50: a disk that refuses or dawdles ----------------------------------------------------------


@pytest.mark.parametrize("number", [28, 5], ids=["no space", "input output error"])
async def test_f50_a_journal_that_takes_no_more_lets_no_order_out_and_takes_open_orders_back(
    monkeypatch, caplog, number
):
    failing = False
    write, settle = os.write, os.fdatasync

    def refuse_write(descriptor: int, data: bytes) -> int:
        if failing and number == 28 and os.readlink(f"/proc/self/fd/{descriptor}").endswith(".journal"):
            raise OSError(number, os.strerror(number))
        return write(descriptor, data)

    def refuse_sync(descriptor: int) -> None:
        if failing and number == 5:
            raise OSError(number, os.strerror(number))
        settle(descriptor)

    monkeypatch.setattr(os, "write", refuse_write)
    monkeypatch.setattr(os, "fdatasync", refuse_sync)
    async with Stand() as stand:
        stand.quote(bids=[("59000", "0.005")])
        await stand.until(lambda: len(stand.exchange.open_orders("main")) == 1, "the quote rests")
        failing, failed_at = True, asyncio.get_running_loop().time()
        stand.quote(bids=[("58000", "0.004")])
        await stand.until(
            lambda: any(each.levelno >= logging.CRITICAL for each in caplog.records),
            "an alarm",
            seconds=ALARM_S,
            dies=True,
        )
        with pytest.raises(DiskFailed, match="cannot write"):
            await asyncio.wait_for(stand.task, 30)
        assert not stand.exchange.open_orders("main"), "cancels need no journal"
        assert len(stand.ours()) == 1, "no order without an intent"
        assert asyncio.get_running_loop().time() - failed_at < 30
        failing = False
        await stand.kill_and_restart()
        await stand.check()


async def test_f50_while_a_sync_takes_five_seconds_no_order_leaves_a_cancel_does_and_it_is_told(monkeypatch, caplog):
    slow = False
    sync = Segments.sync

    async def late(segments: Segments) -> None:
        await asyncio.sleep(5.0 if slow else 0)
        await sync(segments)

    monkeypatch.setattr(Segments, "sync", late)
    async with Stand() as stand:
        loop = asyncio.get_running_loop()
        stand.quote(bids=[("59000", "0.005")])
        await stand.until(lambda: len(stand.exchange.open_orders("main")) == 1, "the quote rests")
        slow = True
        began = loop.time()
        stand.quote(bids=[("59000", "0.005"), ("58000", "0.004")])
        await stand.until(lambda: len(stand.orders) == 2, "an order is approved")
        await asyncio.sleep(1)
        assert len(stand.ours()) == 1, "it waits for the disk"
        stand.quote()
        await stand.until(lambda: not stand.exchange.open_orders("main"), "the first is taken back", seconds=2)
        await stand.until(
            lambda: any("disk" in each.getMessage() or "journal" in each.getMessage() for each in caplog.records),
            "it is told",
            seconds=ALARM_S - (loop.time() - began),
        )
        slow = False
        await stand.until(lambda: all(not state.living for state in stand.orders), "both are gone", seconds=15)
        await stand.check()


class Followed(Stand):
    """A stand whose run is followed by a database."""

    follower: Follower | None = None

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        super().record(event, consequences)
        if self.follower is not None:
            self.follower.record(event, consequences)


async def test_f50_a_database_that_is_down_stops_no_trading_and_catches_up_later(tmp_path):
    locked = tmp_path / "workbench.db"
    locked.mkdir()  # nothing can be written there
    async with Followed() as stand:
        follower = stand.follower = Follower(Store(f"sqlite:///{locked}"), stand.state / "journal")
        await played(stand)
        await asyncio.to_thread(until_behind, follower)
        await stand.check()
        await stand.stop()
        locked.rmdir()
        follower.close()
        store = Store(f"sqlite:///{locked}")
        store.create()
        store.catch_up(JournalReader(stand.state / "journal"))
        assert len(store.rows(fills)) == len(stand.ledger.fills) == 2
        store.close()


def until_behind(follower: Follower) -> None:
    """The store has a thread of its own, which goes by the computer's time."""
    end = time.monotonic() + 20
    while not follower.behind:
        assert time.monotonic() < end, "the database is down and nobody noticed"
        time.sleep(0.01)


# --- F52: what is on the disk cannot be true ------------------------------------------------------


async def test_f52_a_journal_damaged_in_the_middle_is_refused_by_name_and_left_as_it_was():
    async with Stand() as stand:
        await played(stand)
        await stand.stop()
        segment = min((stand.state / "journal").glob("*.journal"))
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(content)
        orders = len(stand.ours())
        with pytest.raises(CorruptState, match=r"000001\.journal.*offset"):
            await stand.made().run()
        assert segment.read_bytes() == bytes(content)
        assert len(stand.ours()) == orders


async def test_f52_a_run_that_flipped_and_filled_one_order_in_many_parts_starts_again():
    async with Stand() as stand:
        for quantity in ("0.01", "0", "0.008", "0", "0.005"):
            held = Decimal(quantity)
            stand.say(quantity=quantity)
            await stand.until(lambda held=held: abs(stand.held() - held) < Decimal("0.0001"), f"it holds {held}")
        await stand.kill_and_restart()
        assert stand.held() > 0
        await stand.check()
