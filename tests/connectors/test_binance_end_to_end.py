"""The whole way: connector, Binance dialect and ccxt on a local exchange, compared with what it knows itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from workbench.connectors.ccxt_exchange import CcxtWire
from workbench.connectors.clock import VenueTime
from workbench.connectors.dialects.binance import BinanceDialect
from workbench.connectors.dialects.generic import GenericDialect
from workbench.connectors.venue import VenueConnector
from workbench.connectors.wire import Call, WireBroken
from workbench.core.events import (
    ApprovedOrder,
    BookUpdate,
    CancelEvent,
    FillEvent,
    LinkState,
    OrderEvent,
    OrderReport,
    Quote,
    Trade,
    VenueLink,
)
from workbench.core.instrument import Instrument
from workbench.core.money import to_scaled
from workbench.core.order import OrderStatus, OrderType, Role, Side, TimeInForce
from workbench.core.ports import Outcome, Permissions
from workbench.core.secret import Credentials, Secret
from workbench.twin.binance.dialect import BinanceDialect as BinanceServer
from workbench.twin.server import LocalExchange
from workbench.twin.tls import issue
from workbench.twin.words import OrderKind, Wanted

KEYS = Credentials(Secret("twin-key"), Secret("twin-secret"))


class WallClock:
    def now(self):
        return time.time_ns()


class Desk:
    """A connector on a local exchange, with everything that its stream said."""

    def __init__(self, twin: LocalExchange, connector: VenueConnector, instrument: Instrument) -> None:
        self.twin, self.connector, self.instrument = twin, connector, instrument
        self.events = []
        self.reader = asyncio.create_task(self._read())

    async def _read(self):
        async for event in self.connector.stream():
            self.events.append(event)

    def order(self, order_id, side, quantity, price=None, **terms) -> ApprovedOrder:
        defaults = {"order_type": OrderType.MARKET if price is None else OrderType.LIMIT}
        return ApprovedOrder(
            OrderEvent(
                "test",
                1,
                0,
                0,
                order_id=order_id,
                strategy_id="s",
                role=Role.ENTRY,
                instrument=self.instrument,
                side=side,
                quantity_raw=to_scaled(quantity, self.instrument.quantity_places),
                price_raw=None if price is None else to_scaled(price, self.instrument.price_places),
                **(defaults | terms),
            )
        )

    async def place(self, *terms, **more):
        return await self.connector.place_order(self.order(*terms, **more))

    async def cancel(self, order_id):
        return await self.connector.cancel_order(
            CancelEvent("test", 2, 0, 0, order_id=order_id, strategy_id="s", instrument=self.instrument)
        )

    def other(self, side, quantity, price, account="other"):
        """Somebody else's order."""
        wanted = Wanted(
            symbol="BTC/USDT", side=side, kind=OrderKind.LIMIT, quantity=Decimal(quantity), price=Decimal(price)
        )
        return self.twin.exchange.place(account, wanted, time.time_ns())

    def of(self, kind, order_id=None):
        return [
            each
            for each in self.events
            if isinstance(each, kind) and (order_id is None or getattr(each, "order_id", None) == order_id)
        ]

    def status(self, order_id):
        reports = self.of(OrderReport, order_id)
        return reports[-1].status if reports else None

    async def until(self, holds, what, seconds=8.0):
        deadline = asyncio.get_running_loop().time() + seconds
        while not holds():
            assert asyncio.get_running_loop().time() < deadline, f"never: {what}; heard {self.events[-5:]}"
            await asyncio.sleep(0.01)


@asynccontextmanager
async def desk(dialect=None, **terms):
    async with LocalExchange(**terms) as twin:
        rich = {"USDT": Decimal(10**7), "BTC": Decimal(1000)}
        for name in ("other", "another"):
            twin.exchange.open_account(name, rich, now=time.time_ns())
        venue_time = VenueTime()
        wire = CcxtWire(
            "binance",
            credentials=KEYS,
            rest_url=twin.rest_url,
            stream_url=twin.stream_url,
            clock_offset=lambda: venue_time.offset_ns,
            unified=dialect is not None,
        )
        dialect = dialect or BinanceDialect()
        connector = VenueConnector(
            "binance", wire=wire, dialect=dialect, symbols=["BTC/USDT"], clock=WallClock(), time=venue_time
        )
        await connector.connect()
        try:
            instruments = await connector.get_instruments()
            found = Desk(twin, connector, instruments["binance:BTC/USDT"])
            yield found
        finally:
            await connector.close()


def play(scene, **terms):
    async def whole():
        async with desk(**terms) as found:
            await scene(found)

    asyncio.run(whole())


def test_an_order_is_placed_filled_in_parts_and_booked_as_the_exchange_booked_it():
    async def scene(desk):
        placed = await desk.place("a" * 32, Side.BUY, "0.5", "30000")
        assert placed.outcome is Outcome.ACCEPTED
        desk.other("SELL", "0.2", "30000")
        desk.other("SELL", "0.3", "29999")
        await desk.until(lambda: desk.status("a" * 32) is OrderStatus.FILLED, "filled")
        fills = {fill.trade_id: fill for fill in desk.of(FillEvent, "a" * 32)}
        truth = {str(each.print.trade_id): each for each in desk.twin.truth().trades}
        assert fills.keys() == truth.keys()
        for trade_id, fill in fills.items():
            true = truth[trade_id]
            assert (fill.quantity, fill.price, fill.fee) == (true.print.quantity, true.print.price, true.commission)
            assert (fill.fee_currency, fill.maker) == (true.commission_asset, True)
        mine = await desk.connector.get_my_trades("BTC/USDT", 0)
        assert {each.trade_id for each in mine} == truth.keys()
        held = {each.asset: each.total for each in desk.twin.truth().balances}
        assert await desk.connector.get_balances() == held

    play(scene)


def test_a_taker_hears_its_fills_in_the_answer_and_in_the_stream_as_the_same_trades():
    async def scene(desk):
        desk.other("SELL", "0.1", "30000")
        desk.other("SELL", "0.2", "30001")
        placed = await desk.place("b" * 32, Side.BUY, "0.3")
        assert placed.outcome is Outcome.ACCEPTED
        await desk.until(lambda: desk.status("b" * 32) is OrderStatus.FILLED, "filled")
        await asyncio.sleep(0.2)
        fills = desk.of(FillEvent, "b" * 32)
        assert len({fill.trade_id for fill in fills}) == 2
        assert len({(fill.trade_id, fill.quantity, fill.price, fill.fee, fill.maker) for fill in fills}) == 2

    play(scene)


def test_a_cancel_ends_an_order_and_a_second_one_proves_that_it_is_gone():
    async def scene(desk):
        await desk.place("c" * 32, Side.BUY, "0.5", "30000")
        assert [each.order_id for each in await desk.connector.get_open_orders()] == ["c" * 32]
        assert (await desk.cancel("c" * 32)).outcome is Outcome.ACCEPTED
        await desk.until(lambda: desk.status("c" * 32) is OrderStatus.CANCELLED, "cancelled")
        assert (await desk.cancel("c" * 32)).outcome is Outcome.REJECTED
        assert await desk.connector.get_open_orders() == []
        report = await desk.connector.get_order("c" * 32, "BTC/USDT")
        assert report.status is OrderStatus.CANCELLED
        assert await desk.connector.get_order("d" * 32, "BTC/USDT") is None

    play(scene)


@pytest.mark.parametrize(
    ("terms", "outcome", "status"),
    [
        ({"price": "30000", "post_only": True}, Outcome.ACCEPTED, OrderStatus.ACKNOWLEDGED),
        ({"price": "32000", "post_only": True}, Outcome.REJECTED, None),
        ({"price": "30000", "time_in_force": TimeInForce.IOC}, Outcome.ACCEPTED, OrderStatus.EXPIRED),
        ({"price": "30000", "time_in_force": TimeInForce.FOK}, Outcome.ACCEPTED, OrderStatus.EXPIRED),
        ({"order_type": OrderType.STOP, "stop_raw": 33_000 * 10**8}, Outcome.ACCEPTED, OrderStatus.ACKNOWLEDGED),
        (
            {"price": "33000", "order_type": OrderType.STOP_LIMIT, "stop_raw": 33_000 * 10**8},
            Outcome.ACCEPTED,
            OrderStatus.ACKNOWLEDGED,
        ),
        ({"price": "30000.001"}, Outcome.REJECTED, None),
        ({"price": "90000", "quantity": "90"}, Outcome.REJECTED, None),
    ],
)
def test_every_kind_of_order_ends_where_the_exchange_says(terms, outcome, status):
    async def scene(desk):
        assert desk.instrument.price_places == 8
        desk.other("SELL", "1", "31000")
        placed = await desk.place("e" * 32, Side.BUY, **({"quantity": "0.01"} | terms))
        assert placed.outcome is outcome, placed
        if status is not None:
            await desk.until(lambda: desk.status("e" * 32) is status, str(status))
        else:
            assert desk.twin.truth().orders == ()

    play(scene)


def test_market_data_is_exact_and_the_book_equals_the_exchanges():
    async def scene(desk):
        for n in range(5):
            desk.other("BUY", "1", str(30000 - n))
            desk.other("SELL", "1", str(30010 + n))
        await desk.connector.subscribe_trades("BTC/USDT")
        await desk.connector.subscribe_quotes("BTC/USDT")
        await desk.connector.subscribe_orderbook("BTC/USDT", 10)
        await asyncio.sleep(0.5)
        desk.other("SELL", "0.5", "30000", "another")
        await desk.until(lambda: desk.of(Trade), "a trade")
        await desk.until(lambda: desk.of(Quote), "a quote")
        await desk.until(lambda: any(each.snapshot for each in desk.of(BookUpdate)), "a book")
        desk.other("SELL", "0.5", "30000", "another")
        await desk.until(lambda: desk.of(Quote)[-1].bid == 29999, "the quote that follows")
        trade = desk.of(Trade)[0]
        assert (trade.price, trade.quantity, trade.aggressor) == (Decimal(30000), Decimal("0.5"), Side.SELL)

        def best():
            bids = {}
            for each in desk.of(BookUpdate):
                bids = {} if each.snapshot else bids
                bids.update(each.bids_raw)
            return max(price for price, quantity in bids.items() if quantity) if bids else 0

        await desk.until(lambda: best() == 29999 * 10**8, "the book that follows")

    play(scene)


def test_a_broken_account_stream_is_made_anew_and_what_was_missed_is_asked_for():
    async def scene(desk):
        assert [each.state for each in desk.of(VenueLink)][:1] in ([], [LinkState.SYNCING])
        await desk.place("f" * 32, Side.BUY, "0.5", "30000")
        desk.twin.kick()
        desk.other("SELL", "0.5", "29000")
        await desk.until(lambda: len(desk.of(VenueLink)) >= 3, "down and up")
        await desk.until(lambda: desk.connector.linked, "linked")
        assert (await desk.connector.get_order("f" * 32, "BTC/USDT")).status is OrderStatus.FILLED
        assert len(await desk.connector.get_my_trades("BTC/USDT", 0)) == 1

    play(scene)


def test_the_real_venues_addresses_lead_to_the_local_exchange_and_nowhere_else(tmp_path):
    async def whole():
        papers = issue(BinanceServer.hosts, tmp_path, now=time.time_ns())
        async with LocalExchange(tls=papers.server()) as twin:
            hosts = dict.fromkeys(twin.hosts, twin.port)
            wire = CcxtWire("binance", credentials=KEYS, hosts=hosts, ca_file=str(papers.authority))
            connector = VenueConnector("binance", wire=wire, dialect=BinanceDialect(), clock=WallClock())
            await connector.connect()
            try:
                assert connector.linked
                found = Desk(twin, connector, (await connector.get_instruments())["binance:BTC/USDT"])
                assert (await found.place("a" * 32, Side.BUY, "0.5", "30000")).outcome is Outcome.ACCEPTED
                await found.until(lambda: found.status("a" * 32) is OrderStatus.ACKNOWLEDGED, "acknowledged")
                with pytest.raises(WireBroken, match="not among the hosts allowed"):
                    await wire.call(Call(endpoint="fapiPublicGetTime"))
            finally:
                await connector.close()

    asyncio.run(whole())


def test_an_exchange_that_restarts_is_found_again_with_its_orders(tmp_path):
    async def scene(desk):
        await desk.connector.subscribe_trades("BTC/USDT")
        await desk.place("a" * 32, Side.BUY, "0.5", "30000")
        await desk.until(lambda: desk.status("a" * 32), "acknowledged")
        await desk.twin.restart(0.5)
        await desk.until(lambda: not desk.connector.linked, "down")
        await desk.until(lambda: desk.connector.linked, "up again")
        desk.other("SELL", "0.5", "30000")
        await desk.until(lambda: desk.status("a" * 32) is OrderStatus.FILLED, "filled")
        await asyncio.sleep(1.0)  # the market's own connection is back by then
        desk.other("SELL", "0.1", "30000")
        desk.other("BUY", "0.1", "30000", "another")
        await desk.until(lambda: desk.of(Trade), "the market heard again")

    play(scene, journal=tmp_path / "journal")


def test_what_the_key_may_do_is_read():
    async def scene(desk):
        assert await desk.connector.get_permissions() == Permissions(trade=True, withdraw=False)
        assert abs(await desk.connector.server_time() - time.time_ns()) < 2 * 10**9

    play(scene)


def test_a_venue_without_a_dialect_of_its_own_is_traded_by_ccxts_unified_words():
    async def scene(desk):
        assert desk.instrument.tick == Decimal("0.01")
        assert (await desk.place("a" * 32, Side.BUY, "0.5", "30000")).outcome is Outcome.ACCEPTED
        assert [each.order_id for each in await desk.connector.get_open_orders()] == ["a" * 32]
        desk.other("SELL", "0.2", "30000")
        await desk.until(lambda: desk.of(FillEvent), "a fill heard")
        assert (await desk.connector.get_order("a" * 32, "BTC/USDT")).status is OrderStatus.PARTIALLY_FILLED
        assert (await desk.cancel("a" * 32)).outcome is Outcome.ACCEPTED
        assert (await desk.connector.get_order("a" * 32, "BTC/USDT")).status is OrderStatus.CANCELLED
        assert await desk.connector.get_order("b" * 32, "BTC/USDT") is None
        (true,) = desk.twin.truth().trades
        (fill,) = await desk.connector.get_my_trades("BTC/USDT", 0)
        assert (fill.trade_id, fill.quantity, fill.price) == (str(true.print.trade_id), Decimal("0.2"), Decimal(30000))
        assert (fill.fee, fill.fee_currency) == (true.commission, true.commission_asset)
        held = {each.asset: each.total for each in desk.twin.truth().balances}
        assert await desk.connector.get_balances() == held
        refused = await desk.place("c" * 32, Side.BUY, "80", "30000")
        assert refused.outcome is Outcome.REJECTED
        await desk.connector.subscribe_trades("BTC/USDT")
        await asyncio.sleep(0.5)
        desk.other("SELL", "0.1", "30000")
        desk.other("BUY", "0.1", "30000", "another")
        await desk.until(lambda: desk.of(Trade), "a public trade")

    play(scene, dialect=GenericDialect("binance"))
