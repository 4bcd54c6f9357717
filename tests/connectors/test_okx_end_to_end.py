"""The whole way: connector, OKX dialect and ccxt on a local exchange, compared with what it knows itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from workbench.connectors.ccxt_exchange import CcxtWire
from workbench.connectors.clock import VenueTime
from workbench.connectors.dialects.okx import OkxDialect
from workbench.connectors.venue import VenueConnector
from workbench.connectors.wire import Call
from workbench.core.events import (
    AmendEvent,
    ApprovedOrder,
    BookUpdate,
    CancelEvent,
    FillEvent,
    FundingEvent,
    Liquidation,
    MarkPrice,
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
from workbench.twin.server import LocalExchange
from workbench.twin.words import OrderKind, Wanted

KEYS = Credentials(Secret("twin-key"), Secret("twin-secret"), Secret("twin-pass"))
SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
A, B = "a" * 32, "b" * 32


class WallClock:
    def now(self):
        return time.time_ns()


class Desk:
    """A connector on a local exchange, with everything that its stream said."""

    def __init__(self, twin: LocalExchange, connector: VenueConnector, wire: CcxtWire, instrument: Instrument) -> None:
        self.twin, self.connector, self.wire, self.instrument = twin, connector, wire, instrument
        self.symbol = instrument.symbol
        self.events = []
        self.reader = asyncio.create_task(self._read())

    async def _read(self):
        async for event in self.connector.stream():
            self.events.append(event)

    def price(self, text):
        return to_scaled(text, self.instrument.price_places)

    def quantity(self, text):
        return to_scaled(text, self.instrument.quantity_places)

    async def place(self, order_id, side, quantity, price=None, **terms):
        defaults = {"order_type": OrderType.MARKET if price is None else OrderType.LIMIT}
        order = OrderEvent(
            "test",
            1,
            0,
            0,
            order_id=order_id,
            strategy_id="s",
            role=Role.ENTRY,
            instrument=self.instrument,
            side=side,
            quantity_raw=self.quantity(quantity),
            price_raw=None if price is None else self.price(price),
            **(defaults | terms),
        )
        return await self.connector.place_order(ApprovedOrder(order))

    async def amend(self, order_id, quantity, price, stop=None):
        amend = AmendEvent(
            "test",
            2,
            0,
            0,
            order_id=order_id,
            strategy_id="s",
            instrument=self.instrument,
            quantity_raw=self.quantity(quantity),
            price_raw=self.price(price),
            stop_raw=None if stop is None else self.price(stop),
        )
        return await self.connector.amend_order(ApprovedOrder(amend))

    async def cancel(self, order_id):
        return await self.connector.cancel_order(
            CancelEvent("test", 3, 0, 0, order_id=order_id, strategy_id="s", instrument=self.instrument)
        )

    def other(self, side, quantity, price, account="other"):
        """Somebody else's order."""
        wanted = Wanted(
            symbol=self.symbol, side=side, kind=OrderKind.LIMIT, quantity=Decimal(quantity), price=Decimal(price)
        )
        return self.twin.exchange.place(account, wanted, time.time_ns())

    def trade_at(self, price, quantity="0.01"):
        """A trade between others: what stops wait for."""
        self.other("SELL", quantity, price)
        self.other("BUY", quantity, price, "another")

    def of(self, kind, order_id=None):
        return [
            each
            for each in self.events
            if isinstance(each, kind) and (order_id is None or getattr(each, "order_id", None) == order_id)
        ]

    def status(self, order_id):
        reports = self.of(OrderReport, order_id)
        return reports[-1].status if reports else None

    async def until(self, holds: Callable[[], object], what: object, seconds=10.0):
        deadline = asyncio.get_running_loop().time() + seconds
        while not holds():
            assert asyncio.get_running_loop().time() < deadline, f"never: {what}; heard {self.events[-5:]}"
            await asyncio.sleep(0.01)

    async def equals_truth(self):
        """Every trade as it was booked there, heard and asked for alike; holdings too."""
        truth = self.twin.truth()
        true = {
            str(each.print.trade_id): (
                each.print.quantity,
                each.print.price,
                each.commission,
                each.commission_asset,
                each.maker,
            )
            for each in truth.trades
            if not each.forced
        }
        asked = await self.connector.get_my_trades(self.symbol, 0)
        for fills in (self.of(FillEvent), asked):
            said = {
                each.trade_id: (each.quantity, each.price, each.fee, each.fee_currency, each.maker) for each in fills
            }
            assert said == true
        assert await self.connector.get_balances() == {each.asset: each.total for each in truth.balances}


def play(scene: Callable[[Desk], Awaitable[None]], symbol=SPOT, **terms):
    """Plays a scene on a fresh exchange with others who are rich."""

    async def whole():
        async with LocalExchange(dialect="okx", **terms) as twin:
            rich = {"USDT": Decimal(10**7), "BTC": Decimal(1000)}
            for name in ("other", "another"):
                twin.exchange.open_account(name, rich, now=time.time_ns())
            venue_time = VenueTime()
            wire = CcxtWire(
                "okx",
                credentials=KEYS,
                rest_url=twin.rest_url,
                stream_url=twin.stream_url,
                clock_offset=lambda: venue_time.offset_ns,
            )
            connector = VenueConnector(
                "okx", wire=wire, dialect=OkxDialect(), symbols=[symbol], clock=WallClock(), time=venue_time
            )
            await connector.connect()
            try:
                instruments = await connector.get_instruments()
                await scene(Desk(twin, connector, wire, instruments[f"okx:{symbol}"]))
                assert connector.hearing.unreadable == 0
            finally:
                await connector.close()

    asyncio.run(whole())


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
def test_an_order_is_placed_amended_filled_in_parts_and_booked_as_the_exchange_booked_it(symbol):
    async def scene(desk):
        placed = await desk.place(A, Side.BUY, "0.5", "30000")
        assert (placed.outcome, placed.venue_order_id != "") == (Outcome.ACCEPTED, True)
        assert (await desk.amend(A, "0.6", "30000.5")).outcome is Outcome.ACCEPTED
        await desk.until(
            lambda: any(each.quantity_raw == desk.quantity("0.6") for each in desk.of(OrderReport, A)), "amended"
        )
        desk.other("SELL", "0.2", "30000.5")
        desk.other("SELL", "0.4", "29999")
        await desk.until(lambda: desk.status(A) is OrderStatus.FILLED, "filled")
        desk.other("SELL", "0.1", "30001")
        desk.other("SELL", "0.2", "30002")
        assert (await desk.place(B, Side.BUY, "0.3")).outcome is Outcome.ACCEPTED
        await desk.until(lambda: desk.status(B) is OrderStatus.FILLED, "bought at market")
        assert len(desk.of(FillEvent, B)) == 2
        await desk.equals_truth()

    play(scene, symbol)


def test_a_cancel_ends_an_order_and_a_second_one_proves_that_it_is_gone():
    async def scene(desk):
        await desk.place(A, Side.BUY, "0.5", "30000")
        assert [each.order_id for each in await desk.connector.get_open_orders()] == [A]
        assert (await desk.cancel(A)).outcome is Outcome.ACCEPTED
        await desk.until(lambda: desk.status(A) is OrderStatus.CANCELLED, "cancelled")
        assert (await desk.cancel(A)).outcome is Outcome.REJECTED
        assert (await desk.amend(A, "0.4", "30000")).outcome is Outcome.REJECTED
        assert await desk.connector.get_open_orders() == []
        assert (await desk.connector.get_order(A, SPOT)).status is OrderStatus.CANCELLED
        assert await desk.connector.get_order(B, SPOT) is None

    play(scene)


@pytest.mark.parametrize(
    ("terms", "outcome", "status"),
    [
        ({"price": "30000", "post_only": True}, Outcome.ACCEPTED, OrderStatus.ACKNOWLEDGED),
        ({"price": "32000", "post_only": True}, Outcome.REJECTED, None),
        ({"price": "30000", "time_in_force": TimeInForce.IOC}, Outcome.ACCEPTED, OrderStatus.EXPIRED),
        ({"price": "30000", "time_in_force": TimeInForce.FOK}, Outcome.ACCEPTED, OrderStatus.EXPIRED),
        ({"price": "30000.01"}, Outcome.REJECTED, None),
        ({"price": "90000", "quantity": "90"}, Outcome.REJECTED, None),
    ],
)
def test_every_kind_of_order_ends_where_the_exchange_says(terms, outcome, status):
    async def scene(desk):
        desk.other("SELL", "1", "31000")
        placed = await desk.place(A, Side.BUY, **({"quantity": "0.01"} | terms))
        assert placed.outcome is outcome, placed
        if status is not None:
            await desk.until(lambda: desk.status(A) is status, status)
        else:
            assert desk.twin.truth().orders == ()

    play(scene)


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
def test_a_stop_waits_triggers_and_is_booked_under_our_id(symbol):
    async def scene(desk):
        for price in ("30000", "29000"):
            desk.other("BUY", "1", price)
        desk.trade_at("30500")
        reducing = {"reduce_only": True} if symbol == SWAP else {}
        if symbol == SWAP:
            desk.other("SELL", "0.5", "30400")
            await desk.place(B, Side.BUY, "0.5")
        stop = {"order_type": OrderType.STOP, "stop_raw": desk.price("30100"), **reducing}
        placed = await desk.place(A, Side.SELL, "0.5", **stop)
        assert placed.outcome is Outcome.ACCEPTED, placed
        waiting = await desk.connector.get_order(A, symbol)
        assert (waiting.status, waiting.stop_raw) == (OrderStatus.ACKNOWLEDGED, desk.price("30100"))
        assert A in [each.order_id for each in await desk.connector.get_open_orders()]
        desk.trade_at("30050")
        await desk.until(lambda: desk.status(A) is OrderStatus.FILLED, "triggered and filled")
        assert sum(fill.quantity_raw for fill in desk.of(FillEvent, A)) == desk.quantity("0.5")
        asked = await desk.connector.get_order(A, symbol)
        assert (asked.order_id, asked.status) == (A, OrderStatus.FILLED)
        venue_ids = {each.venue_order_id for each in desk.of(OrderReport, A)}
        assert {each.venue_order_id for each in await desk.connector.get_my_trades(symbol, 0)} <= venue_ids | {
            each.venue_order_id for each in desk.of(OrderReport, B)
        }
        await desk.equals_truth()

    play(scene, symbol)


def test_a_stop_is_taken_back_while_it_waits_and_after_it_became_an_order():
    async def scene(desk):
        desk.trade_at("30500")
        stop = {"order_type": OrderType.STOP, "stop_raw": desk.price("30100")}
        await desk.place(A, Side.SELL, "0.5", **stop)
        assert (await desk.cancel(A)).outcome is Outcome.ACCEPTED
        await desk.until(lambda: desk.status(A) is OrderStatus.CANCELLED, "cancelled")
        assert (await desk.cancel(A)).outcome is Outcome.REJECTED
        limit = {"order_type": OrderType.STOP_LIMIT, "stop_raw": desk.price("30100")}
        await desk.place(B, Side.SELL, "0.5", "30200", **limit)
        desk.other("BUY", "0.01", "30050", "another")
        desk.other("SELL", "0.01", "30050")
        await desk.until(lambda: desk.status(B) is OrderStatus.ACKNOWLEDGED, "acknowledged")
        await desk.until(lambda: len(desk.twin.exchange.book(SPOT).asks) == 1, "in the book")
        open_orders = await desk.connector.get_open_orders()
        assert [(each.order_id, each.price_raw) for each in open_orders] == [(B, desk.price("30200"))]
        assert (await desk.cancel(B)).outcome is not Outcome.REJECTED
        await desk.until(lambda: desk.status(B) is OrderStatus.CANCELLED, "taken back all the same")
        assert await desk.connector.get_open_orders() == []

    play(scene)


def test_more_open_orders_than_a_page_holds_are_all_listed():
    async def scene(desk):
        ids = [f"{number:032x}" for number in range(1, 106)]
        for number, order_id in enumerate(ids):
            wanted = Wanted(
                symbol=SPOT,
                side="BUY",
                kind=OrderKind.LIMIT,
                quantity=Decimal("0.001"),
                price=Decimal(20_000 + number),
                client_id=order_id,
            )
            desk.twin.exchange.place("main", wanted, time.time_ns())
        assert {each.order_id for each in await desk.connector.get_open_orders()} == set(ids)

    play(scene)


def test_funding_reaches_the_stream_once_as_the_exchange_booked_it():
    async def scene(desk):
        desk.other("SELL", "3", "30000")
        await desk.place(A, Side.BUY, "3")
        await desk.until(lambda: desk.status(A) is OrderStatus.FILLED, "a position")
        (held,) = await desk.connector.get_positions()
        assert (held.instrument, held.quantity, held.entry_price) == (desk.instrument, Decimal(3), Decimal(30000))
        desk.twin.exchange.fund(SWAP, Decimal("0.0001"), time.time_ns())
        await desk.until(lambda: desk.of(FundingEvent), "funding heard without asking")
        (true,) = desk.twin.truth().funding
        (asked,) = await desk.connector.get_settlements(SWAP, 0)
        for said in (desk.of(FundingEvent)[0], asked):
            assert to_scaled(true.amount, desk.instrument.fee_places) == said.amount_raw
        assert desk.of(FundingEvent)[0].funding_id == asked.funding_id
        await desk.equals_truth()

    play(scene, SWAP)


def test_a_position_closed_by_force_is_told_as_such_and_never_as_a_fill():
    async def scene(desk):
        desk.other("SELL", "3000", "30000")
        await desk.place(A, Side.BUY, "3000")
        await desk.until(lambda: desk.status(A) is OrderStatus.FILLED, "a position")
        desk.other("BUY", "3000", "29500")
        desk.twin.exchange.set_mark(SWAP, Decimal("26500"), time.time_ns())
        await desk.until(lambda: desk.of(Liquidation), "liquidated")
        (forced,) = [each for each in desk.twin.truth().trades if each.forced]
        (asked,) = await desk.connector.get_settlements(SWAP, 0)
        for said in (desk.of(Liquidation)[0], asked):
            assert (said.trade_id, said.side) == (str(forced.print.trade_id), Side.SELL)
            assert said.fee_raw == to_scaled(forced.commission, desk.instrument.fee_places)
        assert await desk.connector.get_positions() == []
        assert {each.order_id for each in desk.of(OrderReport)} == {A}
        await desk.equals_truth()

    play(scene, SWAP)


def test_market_data_is_exact_and_the_book_equals_the_exchanges():
    async def scene(desk):
        for number in range(5):
            desk.other("BUY", "1", str(30000 - number))
            desk.other("SELL", "1", str(30010 + number))
        await desk.connector.subscribe_trades(SWAP)
        await desk.connector.subscribe_quotes(SWAP)
        await desk.connector.subscribe_orderbook(SWAP, 10)
        await desk.connector.subscribe_bars(SWAP, "1m")
        await desk.until(lambda: any(each.snapshot for each in desk.of(BookUpdate)), "a book")
        await desk.until(lambda: desk.of(Quote), "a quote")
        desk.other("SELL", "1.5", "29999", "another")
        await desk.until(lambda: desk.of(Trade), "a trade")
        trade = desk.of(Trade)[0]
        assert (trade.price, trade.aggressor) == (Decimal(30000), Side.SELL)
        await desk.until(lambda: desk.of(Quote)[-1].bid == 29999, "the quote that follows")
        desk.twin.exchange.set_mark(SWAP, Decimal("30005.5"), time.time_ns())
        await desk.until(lambda: [each for each in desk.of(MarkPrice) if each.price == Decimal("30005.5")], "a mark")

        def held():
            sides = ({}, {})
            for each in desk.of(BookUpdate):
                for side, levels in zip(sides, (each.bids_raw, each.asks_raw), strict=True):
                    if each.snapshot:
                        side.clear()
                    side.update(levels)
            return [{price: size for price, size in side.items() if size} for side in sides]

        book = desk.twin.exchange.book(SWAP)
        true = [{desk.price(str(p)): desk.quantity(str(q)) for p, q in side} for side in (book.bids, book.asks)]
        await desk.until(lambda: held() == true, "the book that follows")

    play(scene, SWAP)


def test_a_broken_account_stream_is_made_anew_and_what_was_missed_is_asked_for():
    async def scene(desk):
        await desk.place(A, Side.BUY, "0.5", "30000")
        desk.twin.kick()
        desk.other("SELL", "0.5", "29000")
        await desk.until(lambda: len(desk.of(VenueLink)) >= 4, "down and up")
        await desk.until(lambda: desk.connector.linked, "linked")
        assert (await desk.connector.get_order(A, SPOT)).status is OrderStatus.FILLED
        assert len(await desk.connector.get_my_trades(SPOT, 0)) == 1

    play(scene)


def test_the_account_is_whole_only_while_both_of_its_connections_stand():
    async def scene(desk):
        await desk.until(lambda: desk.connector.linked, "linked")
        desk.twin.kick("*/business")
        await desk.until(lambda: not desk.connector.linked, "half an account is none")
        await desk.until(lambda: desk.connector.linked, "whole again")

    play(scene)


def test_what_the_key_may_do_and_the_venues_time_are_read():
    async def scene(desk):
        assert await desk.connector.get_permissions() == Permissions(trade=True, withdraw=False)
        assert abs(await desk.connector.server_time() - time.time_ns()) < 2 * 10**9

    play(scene)


def test_an_order_says_until_when_it_counts_and_a_late_one_is_refused():
    async def scene(desk):
        late = CcxtWire(
            "okx",
            credentials=KEYS,
            rest_url=desk.twin.rest_url,
            stream_url=desk.twin.stream_url,
            recv_window_ms=-1_000,
        )
        await late.open()
        try:
            params = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit"}
            order = {**params, "px": "30000", "sz": "0.1", "clOrdId": A}
            refused = await late.call(Call(endpoint="privatePostTradeOrder", params=order))
            assert b"50036" in refused.body
            assert desk.twin.truth().orders == ()
        finally:
            await late.close()

    play(scene)
