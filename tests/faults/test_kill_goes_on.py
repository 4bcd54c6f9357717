"""The kill switch clears what it can reach, whatever else is broken: the disk, one market, one listing."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from tests.faults.bench import Stand
from tests.faults.virtual import virtually
from workbench.connectors import wirelog
from workbench.connectors.dialects.binance import BinanceDialect
from workbench.connectors.venue import VenueConnector
from workbench.core.errors import ConfigError
from workbench.runtime.closing import Closing
from workbench.runtime.closings import Closings
from workbench.runtime.kill import Switch, VenueKill, kill
from workbench.runtime.ours import Ours
from workbench.runtime.venues import counter

FULL = Path("/dev/full")
LISTED = BinanceDialect.read_listings
PAIRS = ("BTC/USDT", "ETH/USDT")


def switch(stand: Stand, *, flatten: bool = False) -> VenueKill:
    ours = Ours(stand.state / "journal")
    ours.read()
    closings = Closings(stand.state / "closings.jsonl")
    closing = Closing("binance", ours.reader, closings=closings, clock=stand.clock) if flatten else None

    def connect(own_key: bool):
        more = {"clock": stand.clock, "folder": stand.state / "kill", "instruments": ours.instruments}
        return counter(stand.config(), "binance", **more).connector

    return VenueKill("binance", connect, ours=ours, switch=Switch(flatten=flatten), closing=closing, clock=stand.clock)


async def pulled(stand: Stand, *, flatten: bool = False) -> VenueKill:
    one = switch(stand, flatten=flatten)
    assert await kill([one], stopped=asyncio.Event(), seconds=30), one.done.error
    return one


async def resting(stand: Stand) -> None:
    stand.quote(bids=[("59000", "0.005")])
    await stand.until(lambda: len(stand.exchange.open_orders("main")) == 1, "it rests")


async def holding(stand: Stand) -> None:
    stand.say(quantity="0.01")
    await stand.until(lambda: stand.held() > 0, "it is bought")
    await stand.process.kill()


def without_ether(self, *args, **named):
    return [each for each in LISTED(self, *args, **named) if each.instrument.symbol != "ETH/USDT"]


def reconciled(stand: Stand) -> bool:
    return stand.run.engine is not None and not stand.run.engine.gate.links


def coins(stand: Stand) -> object:
    return next(each.free for each in stand.twin.truth().balances if each.asset == "BTC")


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_disk_does_not_keep_the_kill_switch_from_cancelling(monkeypatch):
    async def work():
        async with Stand() as stand:
            await resting(stand)
            monkeypatch.setattr(wirelog, "_opened", lambda path: FULL.open("ab"))
            await pulled(stand)
            assert stand.exchange.open_orders("main") == []

    virtually(work)


def test_an_error_of_the_system_is_tried_again_by_the_kill_switch(monkeypatch):
    real, failures = VenueConnector.get_open_orders, [OSError(28, "No space left on device")]

    async def failing(self):
        if failures:
            raise failures.pop()
        return await real(self)

    async def work():
        async with Stand() as stand:
            await resting(stand)
            one = switch(stand)
            monkeypatch.setattr(VenueConnector, "get_open_orders", failing)
            assert await kill([one], stopped=asyncio.Event(), seconds=30)
            assert (failures, stand.exchange.open_orders("main")) == ([], [])

    virtually(work)


def test_a_market_that_was_delisted_keeps_no_other_from_being_closed(monkeypatch):
    async def work():
        async with Stand(symbols=PAIRS) as stand:
            await holding(stand)
            monkeypatch.setattr(BinanceDialect, "read_listings", without_ether)
            one = await pulled(stand, flatten=True)
            assert [each["symbol"] for each in one.done.closed] == ["BTC/USDT"]
            assert coins(stand) < one._ours.instruments[0].lot

    virtually(work)


def test_a_market_that_cannot_be_asked_about_is_told_of_and_keeps_no_other_from_being_closed(monkeypatch, caplog):
    real = VenueConnector.get_my_trades

    async def refusing(self, symbol, since):
        if symbol == "ETH/USDT":
            raise ConfigError(f"lists no {symbol}")
        return await real(self, symbol, since)

    async def work():
        async with Stand(symbols=PAIRS) as stand:
            await holding(stand)
            monkeypatch.setattr(VenueConnector, "get_my_trades", refusing)
            one = await pulled(stand, flatten=True)
            assert [each["symbol"] for each in one.done.closed] == ["BTC/USDT"]
            assert "binance:ETH/USDT" in one.done.held

    with caplog.at_level(logging.ERROR):
        virtually(work)
    assert caplog.text.count("binance:ETH/USDT: it is not closed") == 1


def test_a_run_starts_again_though_one_of_its_markets_was_delisted(monkeypatch):
    async def work():
        async with Stand(symbols=PAIRS) as stand:
            await resting(stand)
            await stand.kill()
            monkeypatch.setattr(BinanceDialect, "read_listings", without_ether)
            await stand.start(ready=False)
            await stand.until(lambda: reconciled(stand), "its books agree with the venue's")
            assert not stand.task.done()

    virtually(work)
