"""How fast the live path is: what is heard, what is sent, and what a storm leaves of both.

`make bench` prints the figures; WORKBENCH_LONG=1 measures for minutes. Times are printed, never asserted: what is
asserted is that nothing is lost that may not be lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.figures import LONG, resident_mb, spread, tell
from tests.benchmarks.rig import Desk, Venue
from tests.benchmarks.storm import SYMBOLS, payloads
from workbench.connectors.ccxt_exchange import CcxtWire
from workbench.connectors.dialects.binance import BinanceDialect
from workbench.connectors.normalize import Normaliser, Numbering
from workbench.connectors.tap import exact_json
from workbench.connectors.venue import VenueConnector
from workbench.core.events import Trade
from workbench.core.instrument import Instrument
from workbench.core.order import OrderStatus
from workbench.runtime.service import SteadyClock

TRADES = 1_000_000 if LONG else 20_000
ORDERS_S = 60 if LONG else 3  # how long ticks come
STORM_S = 60 if LONG else 3  # how long 100,000 messages come a second
RATES = (1_000, 10_000)  # ticks a second: an ordinary hour, and the busiest
ORDERS = 50  # a second
NOT_THERE = (OrderStatus.DENIED, OrderStatus.NEVER_ACCEPTED, OrderStatus.REJECTED)
HANDS = 8  # who trade at the same time: an order whose fill is not here yet keeps nobody else from trading


async def test_every_trade_of_a_stream_as_fast_as_it_goes_is_delivered() -> None:
    async with Venue() as venue:
        clock = SteadyClock()
        wire = CcxtWire("binance", rest_url=venue.rest, stream_url=venue.streams, now=clock.now)
        connector = VenueConnector(
            "binance", wire=wire, dialect=BinanceDialect(), symbols=SYMBOLS, clock=clock, private=False
        )
        await connector.connect()
        for symbol in SYMBOLS:
            await connector.subscribe_trades(symbol)
        await asyncio.sleep(1.0)
        blown = asyncio.create_task(venue.ask("blow", kinds=["trades"], rate=0, count=TRADES))
        taken, began, worked = 0, time.perf_counter(), time.process_time()
        async for event in connector.stream():
            taken += isinstance(event, Trade)
            if taken == TRADES:
                break
        wall, work = time.perf_counter() - began, time.process_time() - worked
        sent = (await blown)["sent"]
        instruments = await connector.get_instruments()
        left_out = sum(connector.backlog.conflated.values())
        await connector.close()
    bare = yardstick([instruments[f"binance:{each}"] for each in SYMBOLS])
    tell(
        f"{TRADES:,} trades, socket to backlog",
        f"{TRADES / work:>10,.0f} a second of work, {TRADES / wall:,.0f} a second of time",
        f"{bare:>10,.0f} a second of work without socket and ccxt: bytes, JSON, dialect, normaliser",
        f"{TRADES / work / bare:>10.2f} of that is reached; {taken * 100 / sent:g} % delivered, {left_out} conflated",
    )
    assert (taken, left_out) == (sent, 0)


def yardstick(instruments: Sequence[Instrument]) -> float:
    """Trades a second of work from bytes to events, with nothing around."""
    said = payloads("trades", min(TRADES, 100_000))
    dialect, clock = BinanceDialect(), SteadyClock()
    listed = {each.symbol.replace("/", ""): each for each in instruments}
    normaliser = Normaliser(listed, source="binance", numbering=Numbering())
    made, worked = 0, time.process_time()
    for payload in said:
        for heard in dialect.hear(exact_json(payload)):
            made += len(normaliser.take(heard, received=clock.now(), clock_offset_ns=0))
    work = time.process_time() - worked
    assert made == len(said)
    return made / work


def flips(every: int, *, on: Sequence[str]) -> list[dict[str, Any]]:
    """Strategies that change their minds in turns, one of them at each `every`th tick."""
    turns = [{"every": every * HANDS, "first": every * number} for number in range(HANDS)]
    name = "tests.benchmarks.strategies:Flips"
    return [{"id": f"hand{each['first']}", "strategy": name, "parameters": each, "on": list(on)} for each in turns]


@pytest.mark.parametrize("rate", RATES)
async def test_orders_that_ticks_cause_leave_while_others_come(tmp_path: Path, rate: int) -> None:
    async with Venue() as venue, Desk(tmp_path, venue, flips(rate // ORDERS, on=["quotes"])) as desk:
        await asyncio.sleep(0.5)
        worked = time.process_time()
        blown = await venue.ask("blow", kinds=["quotes"], rate=rate, seconds=ORDERS_S)
        work = time.process_time() - worked
        await desk.quiet()
        way, ticks, left_out = desk.way, blown["sent"], desk.run._inlet.conflated
        truth = await venue.ask("truth")
        orders, there = len(desk.ledger.orders), accepted(desk)
        ready = desk.ready_ns
    tell(
        f"{ticks:,} ticks in {blown['seconds']:.1f} s, {orders} orders, {len(way.heard)} of them caused by a tick",
        spread("tick heard to request leaving", way.between(way.heard, way.left)),
        spread("  heard to thought: decode, normalise, queues", way.between(way.heard, way.thought)),
        spread("  to written: engine, risk, journal lines", way.between(way.thought, way.journalled)),
        spread("  to the wire: fdatasync, rate limit", way.between(way.journalled, way.asked)),
        spread("  to left: sign, write", way.between(way.asked, way.left)),
        f"{work / ticks * 1e6:.0f} us of work a tick, orders counted in; {left_out} ticks conflated",
        f"ready {ready / 1e9:.1f} s after the start of the run, ccxt's import counted in",
    )
    assert truth["orders"].keys() == there
    assert way.between(way.heard, way.left), "no tick caused an order"


def accepted(desk: Desk) -> set[str]:
    """The orders that the venue must know: neither denied by risk nor kept back nor refused."""
    return {each for each, state in desk.ledger.orders.items() if state.status not in NOT_THERE}


async def lags(desk: Desk) -> None:
    """Looks now and then at how long what the engine takes has waited."""
    while True:
        await asyncio.sleep(0.02)
        desk.lags.append(desk.run._inlet.lag_ns)


async def test_a_storm_costs_market_data_and_no_order(tmp_path: Path) -> None:
    async with Venue() as venue, Desk(tmp_path, venue, flips(3, on=["quotes", "trades"])) as desk:
        await asyncio.sleep(0.5)
        before, waits = resident_mb(), asyncio.create_task(lags(desk))
        blown = await venue.ask("blow", kinds=["trades", "quotes"], rate=100_000, seconds=STORM_S, patient=False)
        at_the_end = resident_mb()
        waits.cancel()
        await desk.quiet()
        calm = resident_mb()
        truth = await venue.ask("truth")
        ours = accepted(desk)
        fills = sorted(each.trade_id for each in desk.ledger.fills)
        inlet = desk.run._inlet
        backlogs = desk.run._reaches[0].connector.backlog
        left_out, taken = inlet.conflated + sum(backlogs.conflated.values()), inlet.taken
    tell(
        f"{blown['sent'] + blown['left_out']:,} market messages in {blown['seconds']:.1f} s",
        f"{blown['sent']:,} were taken from the socket, {blown['left_out']:,} it had no room for",
        f"{taken:,} reached the engine, {left_out:,} were conflated",
        f"{len(ours)} orders and {len(fills)} fills meanwhile, each as the venue has it",
        f"memory {before:.0f} MB before, {at_the_end - before:+.0f} MB at the end, {calm - before:+.0f} MB after",
        spread("what the engine took had waited", desk.lags),
    )
    assert truth["orders"].keys() == ours
    assert sorted(truth["trades"]) == fills
    assert fills
