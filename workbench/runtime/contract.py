"""What every connector promises, as a suite to run against a connector of your own.

    from workbench.runtime.contract import check_connector

    check_connector(lambda: MyConnector(...), symbol="BTC/USDT")

Each promise gets a connector of its own, fresh from the maker, on an account that holds quote
currency, with a market that moves. A broken promise raises BrokenContract with its name and what
was seen instead. A capability that raises Unsupported is not asked for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec

from workbench.core.codec import encode
from workbench.core.errors import Unsupported
from workbench.core.events import FillEvent, MarketDataEvent, OrderReport
from workbench.core.money import to_decimal
from workbench.core.order import FINAL, OrderStatus, Side
from workbench.core.ports import Outcome
from workbench.runtime.visit import BrokenContract, Host, Make, Visit, holds

__all__ = ["PROMISES", "BrokenContract", "check_connector", "keeps"]

SECONDS = 60.0  # for one promise; a venue that is quicker than this in nothing cannot be traded
LISTENED = 5  # market events listened to where nothing may happen any more

Promise = Callable[[Host], Awaitable[None]]


async def it_names_what_it_trades(host: Host) -> None:
    async with host.visit() as visit:
        instruments = await visit.connector.get_instruments()
        holds(bool(instruments), "it trades at least one instrument", instruments)
        for key, instrument in instruments.items():
            holds(key == instrument.key, "instruments are named by their key", (key, instrument.key))
        first = await visit.market()
        holds(first.instrument.key in instruments, "it streams what it trades", first.instrument.key)


async def no_answer_holds_a_float(host: Host) -> None:
    async with host.visit() as visit:
        resting = await visit.rest()
        await visit.until_filled(await visit.buy())
        connector = visit.connector
        answers: list[Any] = [*visit.heard, await connector.get_balances(), await connector.get_positions()]
        answers.append(await connector.get_instruments())
        with suppress(Unsupported):
            answers.append(await connector.get_open_orders())
        await connector.cancel_order(visit.cancellation(resting.order_id))
        for answer in answers:
            holds(not _has_float(answer), "numbers are exact: int or Decimal, never float", answer)
        balances = await connector.get_balances()
        holds(all(type(each) is Decimal for each in balances.values()), "balances are Decimals", balances)


def _has_float(value: Any) -> bool:
    if isinstance(value, msgspec.Struct):
        return any(_has_float(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return any(map(_has_float, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_has_float, value))
    return isinstance(value, float)


async def an_order_is_acknowledged_then_filled_and_every_answer_agrees(host: Host) -> None:
    async with host.visit() as visit:
        order = await visit.buy()
        await visit.until_filled(order)
        said = visit.about(order.order_id)
        holds(isinstance(said[0], OrderReport), "an acknowledgement precedes the first fill", said[0])
        filled = sum(each.quantity_raw for each in said if isinstance(each, FillEvent))
        holds(filled == order.quantity_raw, "fills add up to the order", (filled, order.quantity_raw))
        await _agrees(visit)
        await visit.until_filled(await visit.sell_all())
        await _agrees(visit)


async def _agrees(visit: Visit) -> None:
    """Positions and balances are what the fills streamed say, to the last digit."""
    instrument, position = visit.instrument, visit.position
    quantity = to_decimal(position.quantity, instrument.quantity_places)
    moved = await visit.moved()
    if moved or not instrument.is_spot:  # a spot venue may know balances only
        holds(moved == quantity, "positions are what the fills add up to", (moved, quantity))
    now = await visit.connector.get_balances()
    changes = {instrument.quote: visit.cash} | ({instrument.base: quantity} if instrument.is_spot else {})
    for asset, change in changes.items():
        seen = now.get(asset, Decimal(0)) - visit.balances.get(asset, Decimal(0))
        holds(seen == change, f"the balance of {asset} moves as the fills say", (seen, change))
    with suppress(Unsupported):
        listed = await visit.connector.get_my_trades(instrument.symbol, visit.began)
        streamed = {each.trade_id for each in visit.fills}
        holds({each.trade_id for each in listed} == streamed, "own trades are the fills streamed", (listed, streamed))


async def an_order_never_fills_inside_the_event_that_caused_it(host: Host) -> None:
    async with host.visit() as visit:
        cause = await visit.market()
        order = await visit.buy()
        await visit.until_filled(order)
        for fill in visit.fills:
            holds(fill.cause != cause.id, "a fill has another cause than its order", fill)
            early = fill.ts_event < cause.ts_event - host.skew_ns
            holds(not early, "a fill does not happen before its order", fill)


async def reports_precede_the_market_event_that_caused_them(host: Host) -> None:
    async with host.visit() as visit:
        await visit.until_filled(await visit.buy())
        await visit.listen(LISTENED)
        seen: set[str] = set()
        for event in visit.heard:
            holds(event.id not in seen, "every event has an id of its own", event)
            seen.add(event.id)
            if isinstance(event, (OrderReport, FillEvent)) and event.cause in visit.market_ids:
                late = event.cause in seen
                holds(not late, "what a market event leads to is told before the event", event)


async def a_resting_order_can_be_seen_amended_and_taken_back(host: Host) -> None:
    async with host.visit() as visit:
        order = await visit.rest()
        await visit.until(order, OrderStatus.ACKNOWLEDGED)
        await _stands(visit, order.order_id, order.quantity_raw, order.price_raw)
        with suppress(Unsupported):
            amend = visit.amendment(order)
            result = await visit.connector.amend_order(visit.approved(amend))
            holds(result.order_id == order.order_id, "an amended order keeps its id", result)
            holds(result.outcome is Outcome.ACCEPTED, "a resting order can be amended", result)
            await visit.until_terms(order, amend.quantity_raw, amend.price_raw)
            await _stands(visit, order.order_id, amend.quantity_raw, amend.price_raw)
        taken = await visit.connector.cancel_order(visit.cancellation(order.order_id))
        holds(taken.outcome is Outcome.ACCEPTED, "a resting order can be cancelled", taken)
        await visit.until(order, OrderStatus.CANCELLED)
        with suppress(Unsupported):
            listed = [each.order_id for each in await visit.connector.get_open_orders()]
            holds(order.order_id not in listed, "a cancelled order is not open", listed)
        again = await visit.connector.cancel_order(visit.cancellation(order.order_id))
        holds(again.outcome is Outcome.REJECTED, "what is cancelled cannot be cancelled again", again)
        await _agrees(visit)


async def _stands(visit: Visit, order_id: str, quantity: int, price: int | None) -> None:
    """Both views of a resting order show these terms."""
    with suppress(Unsupported):
        listed = [each for each in await visit.connector.get_open_orders() if each.order_id == order_id]
        holds(len(listed) == 1, "a resting order is listed once", listed)
        holds((listed[0].quantity_raw, listed[0].price_raw) == (quantity, price), "open orders show terms", listed)
    with suppress(Unsupported):
        one = await visit.connector.get_order(order_id, visit.instrument.symbol)
        shown = one and (one.quantity_raw, one.price_raw)
        holds(shown == (quantity, price), "an order can be asked for by our id", one)
        holds(one is not None and one.status not in FINAL, "a resting order is alive", one)


async def what_it_does_not_know_it_refuses_and_does_not_raise(host: Host) -> None:
    async with host.visit() as visit:
        await visit.market()
        stranger = visit.order(Side.BUY, limit=True)
        taken = await visit.connector.cancel_order(visit.cancellation(stranger.order_id))
        holds(taken.outcome is Outcome.REJECTED, "a cancel of an unknown order is refused", taken)
        holds(bool(taken.evidence), "a refusal says why", taken)
        with suppress(Unsupported):
            amended = await visit.connector.amend_order(visit.approved(visit.amendment(stranger)))
            holds(amended.outcome is Outcome.REJECTED, "an amendment of an unknown order is refused", amended)
        with suppress(Unsupported):
            none = await visit.connector.get_order(stranger.order_id, host.symbol)
            holds(none is None, "an unknown order is none", none)


async def an_order_sent_twice_books_once(host: Host) -> None:
    async with host.visit() as visit:
        order = await visit.buy()
        approved = visit.approved(order)
        await visit.connector.place_order(approved)
        await visit.until_filled(order)
        late = await visit.connector.place_order(approved)
        holds(late.order_id == order.order_id, "an answer names the order asked about", late)
        await visit.listen(LISTENED)
        filled = sum(each.quantity_raw for each in visit.fills)
        holds(filled == order.quantity_raw, "an order sent twice is one order", (filled, order.quantity_raw))
        keys = {each.trade_id for each in visit.fills}
        holds(len(keys) == len(visit.fills), "every trade has an id of its own", visit.fills)
        await _agrees(visit)


async def what_it_cannot_do_raises_unsupported(host: Host) -> None:
    async with host.visit() as visit:
        connector, symbol, since = visit.connector, host.symbol, (await visit.market()).ts_event
        asked: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: connector.subscribe_bars(symbol, "1m"),
            lambda: connector.subscribe_trades(symbol),
            lambda: connector.subscribe_quotes(symbol),
            lambda: connector.subscribe_orderbook(symbol, 10),
            lambda: connector.get_my_trades(symbol, since),
            lambda: connector.fetch_bars(symbol, "1m", since, since + 1),
            lambda: connector.fetch_trades(symbol, since, since + 1),
            connector.get_open_orders,
            connector.get_permissions,
            connector.server_time,
        )
        for ask in asked:
            try:
                await ask()
            except Unsupported:
                continue
            except Exception as error:
                raise BrokenContract(f"a missing capability raises Unsupported; got {error!r}") from error


async def it_can_be_closed_twice(host: Host) -> None:
    visit = host.visit()
    async with visit:
        await visit.market()
    try:
        await visit.connector.close()
    except Exception as error:
        raise BrokenContract(f"closing twice is safe; got {error!r}") from error


async def it_says_the_same_twice(host: Host) -> None:
    told = [await _script(host) for _ in range(2)]
    for one, other in zip(*told, strict=True):
        holds(one == other, "the same requests on the same data get the same bytes", (one, other))


async def _script(host: Host) -> list[bytes]:
    async with host.visit() as visit:
        resting = await visit.rest()
        await visit.until_filled(await visit.buy())
        await visit.connector.cancel_order(visit.cancellation(resting.order_id))
        await visit.until(resting, OrderStatus.CANCELLED)
        await visit.until_filled(await visit.sell_all())
        await visit.listen(LISTENED)
        return [encode(event) for event in visit.heard if isinstance(event, (MarketDataEvent, OrderReport, FillEvent))]


PROMISES: tuple[Promise, ...] = (
    it_names_what_it_trades,
    no_answer_holds_a_float,
    an_order_is_acknowledged_then_filled_and_every_answer_agrees,
    an_order_never_fills_inside_the_event_that_caused_it,
    reports_precede_the_market_event_that_caused_them,
    a_resting_order_can_be_seen_amended_and_taken_back,
    what_it_does_not_know_it_refuses_and_does_not_raise,
    an_order_sent_twice_books_once,
    what_it_cannot_do_raises_unsupported,
    it_can_be_closed_twice,
)


async def keeps(promise: Promise, make: Make, *, symbol: str, run: str = "visit", skew_ns: int = 0) -> None:
    """Holds a connector to one promise, as `check_connector` does to all; raises BrokenContract naming it."""
    name = _name(promise)
    try:
        await asyncio.wait_for(promise(Host(make, symbol, f"{run}/{name}", skew_ns)), SECONDS)
    except BrokenContract as broken:
        raise BrokenContract(f"{name.replace('_', ' ')}: {broken}") from broken
    except TimeoutError:
        raise BrokenContract(f"{name.replace('_', ' ')}: nothing more came within {SECONDS:.0f} s") from None
    except Exception as error:  # whatever a stranger's connector raises, a promise was not kept
        raise BrokenContract(f"{name.replace('_', ' ')}: {type(error).__name__}: {error}") from error


def check_connector(
    make: Make, *, symbol: str, run: str = "visit", repeatable: bool = True, skew_ns: int = 0
) -> list[str]:
    """Holds a connector to every promise; returns their names, or raises BrokenContract at the first broken one.

    `make` returns a new, unconnected connector each time. `run` makes the ids of the orders: give
    another one each time to an account that remembers. `repeatable` asks for equal bytes for equal
    requests too, which is for connectors over stored data. `skew_ns` is by how much an instant that a
    real venue writes may be off ours.
    """
    promises = (*PROMISES, it_says_the_same_twice) if repeatable else PROMISES

    async def every() -> None:
        for promise in promises:
            await keeps(promise, make, symbol=symbol, run=run, skew_ns=skew_ns)

    asyncio.run(every())
    return [_name(each) for each in promises]


def _name(promise: Promise) -> str:
    return str(getattr(promise, "__name__", "promise"))
