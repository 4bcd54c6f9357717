"""Faults of time: clocks that differ, drift and jump, machines that sleep, and days that pass."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bench import Stand
from tests.faults.virtual import VirtualLoop, seldom
from workbench.core.clock import SECOND
from workbench.core.events import AccountSnapshot, OrderEvent, Timer
from workbench.runtime import service
from workbench.runtime.service import SteadyClock
from workbench.twin.sockets import Timing

ALARM_MS = 500
HOUR_S = 3_600.0
SELDOM = {"orders_s": 60.0, "trades_s": 60.0, "balances_s": 300.0}


async def bought_and_sold(stand: Stand) -> None:
    stand.say(quantity="0.01")
    await stand.until(lambda: stand.held() > Decimal("0.009"), "it is bought", seconds=90)
    stand.say(quantity="0")
    await stand.until(lambda: stand.held() < Decimal("0.0001"), "it is sold", seconds=90)


# --- F60: another clock ---------------------------------------------------------------------------


@pytest.mark.parametrize("skew_ms", [2_000, -2_000, 400])
async def test_f60_the_venues_clock_is_learned_and_every_request_bears_its_time(skew_ms):
    async with Stand(started=False) as stand:
        stand.mischief.skew(ms=skew_ms)
        await stand.start()
        await bought_and_sold(stand)
        connector = stand.run._reaches[0].connector
        assert abs(connector.time.offset_ns - skew_ms * 1_000_000) < 100_000_000
        assert any("its clock is" in line for line in stand.log.lines) == (abs(skew_ms) > ALARM_MS)
        assert not any("-1021" in line for line in stand.log.lines)
        await stand.check()


async def test_f60_a_clock_that_drifts_is_followed(monkeypatch):
    seldom(monkeypatch)
    async with Stand(config={"reconcile": SELDOM}) as stand:
        stand.mischief.drift(ppm=600)
        await stand.later(HOUR_S / 2)
        offset = stand.run._reaches[0].connector.time.offset_ns
        truth = stand.twin.clock.now() - stand.clock.now()
        assert truth > SECOND
        assert abs(truth - offset) < 0.4 * SECOND, "what it gains between two looks"
        assert any("its clock is" in line for line in stand.log.lines), "more than half a second is told"
        await bought_and_sold(stand)
        assert not any("-1021" in line for line in stand.log.lines)
        await stand.check()


async def test_f60_a_refusal_for_the_time_stamp_teaches_the_clock_and_costs_no_more_than_one_order():
    async with Stand() as stand:
        stand.mischief.skew(ms=3_000)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.orders, "an order")
        await asyncio.sleep(2)
        connector = stand.run._reaches[0].connector
        assert abs(connector.time.offset_ns - 3_000_000_000) < 100_000_000
        assert len(stand.orders) <= 2, "a refusal is no reason to ask in a loop"
        stand.say(quantity="0.008")
        await stand.until(lambda: stand.held() > Decimal("0.007"), "it trades")
        await stand.check()


# --- F61: time jumps ------------------------------------------------------------------------------


def test_f61_the_clock_of_a_run_goes_on_whatever_is_done_to_the_computers(monkeypatch):
    clock = SteadyClock()
    before = clock.now()
    for step in (-HOUR_S, HOUR_S):
        real = time.time_ns
        monkeypatch.setattr(service.time, "time_ns", lambda real=real, step=step: real() + round(step * SECOND))
        after = clock.now()
        assert 0 <= after - before < 60 * SECOND
        before = after


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S, 8 * HOUR_S])
async def test_f61_a_step_of_the_computers_clock_stops_no_trading(monkeypatch, step_s):
    async with Stand() as stand:
        await bought_and_sold(stand)
        seconds, nanoseconds = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: seconds() + step_s)
        monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + round(step_s * SECOND))
        await asyncio.sleep(20)
        assert not stand.engine.view.stale
        assert not stand.engine.gate.links
        await bought_and_sold(stand)
        await stand.check()


async def test_f61_after_a_sleep_of_eight_hours_it_connects_and_compares_anew_and_makes_up_for_nothing():
    async with Stand() as stand:
        stand.quote(bids=[("59000", "0.004")])
        await stand.until(lambda: len(stand.exchange.open_orders("main")) == 1, "the quote rests")
        client_id = stand.exchange.open_orders("main")[0].client_id
        timers: list[int] = []
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        record = stand.record
        requests = stand.fault("rest", "delay_before", "*", ms=0, count=None)

        def heard(event: Any, consequences: Any) -> None:
            if isinstance(event, Timer):
                timers.append(event.ts_init)
            record(event, consequences)

        stand.record = heard  # type: ignore[method-assign]
        asleep = stand.clock.now()
        loop.pass_by(8 * HOUR_S)
        stand.twin.kick()  # the venue gave a client up that said nothing for a minute
        stand.mischief.fill(symbol="BTC/USDT", quantity=Decimal("0.001"), client_id=client_id)
        awake = stand.clock.now()
        assert awake - asleep >= 8 * HOUR_S * SECOND
        await asyncio.sleep(10)
        await stand.ready()
        first = [each.at for each in stand.twin.faults.log if each.fault == requests and each.at < awake + SECOND]
        assert len(first) <= 50, "no burst"
        news = [each for each in stand.heard if each.ts_init >= awake]
        compared = next(n for n, each in enumerate(news) if isinstance(each, AccountSnapshot))
        assert not any(isinstance(each, OrderEvent) for each in news[:compared]), "compared before anything new"
        assert len(stand.ledger.fills) == 1
        stand.quote()
        await stand.until(lambda: not stand.exchange.open_orders("main"), "it is taken back")
        await stand.check()


# --- F58: days ------------------------------------------------------------------------------------


async def test_f58_in_a_day_neither_memory_nor_files_nor_tasks_grow(monkeypatch):
    """Minutes of it by default, so that everybody can afford it: WORKBENCH_SOAK_MINUTES=1440 is the whole day."""
    minutes = int(os.environ.get("WORKBENCH_SOAK_MINUTES", "20"))
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.allow(120.0 + 10 * minutes)
    seldom(monkeypatch)
    async with Stand(timing=Timing(lifetime_s=400.0), config={"reconcile": SELDOM}) as stand:
        seen: list[tuple[int, int, int]] = []
        for _ in range(minutes // 4):
            await bought_and_sold(stand)
            await stand.later(240.0)
            await stand.ready()
            stand.heard.clear()
            stand.log.lines.clear()
            gc.collect()
            seen.append((resident(), open_files(), len(asyncio.all_tasks())))
        (first_memory, first_files, first_tasks), (memory, files, tasks) = seen[1], seen[-1]
        assert memory - first_memory <= (4 << 20) + minutes * (64 << 10), "what the exchange keeps itself is far less"
        assert files <= first_files + 2
        assert tasks <= first_tasks + 2
        await stand.check()


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
