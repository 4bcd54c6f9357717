"""What Binance spot says of an account: its stream of reports, its holdings, its own trades, its key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from workbench.connectors.dialect import Listed
from workbench.connectors.dialects.binance_orders import given
from workbench.connectors.dialects.binance_words import (
    Account,
    AccountPosition,
    BalanceUpdate,
    ExecutionReport,
    OwnTrade,
    Restrictions,
    read,
    status_of,
    taken,
)
from workbench.connectors.dialects.reading import millis, unknown
from workbench.connectors.heard import Heard, HeardBalance, HeardEnd, HeardFill, HeardOrder
from workbench.connectors.wire import Answer, Call
from workbench.core.errors import DataError
from workbench.core.money import MAX_PLACES, to_decimal, to_scaled, to_text
from workbench.core.order import Side
from workbench.core.ports import Permissions

_PAGE = 1_000  # trades in a page, the most there are

BALANCES = Call(endpoint="privateGetAccount", weight=20)
PERMISSIONS = Call(endpoint="sapiGetAccountApiRestrictions", weight=1)


def hears(message: Any) -> Iterable[Heard] | None:
    """What a message of the account's stream says, None if it is not of it; DataError for an unknown event."""
    event = message.get("event", message)
    take = _EVENTS.get(event.get("e", "")) if isinstance(event, dict) else None
    if take is None and "event" in message:
        raise DataError(f"binance: {unknown(message)}")
    return None if take is None else take(event)


def my_trades(listed: Listed, since: int, after: str) -> Call:
    """A page of own trades from `since` (UTC ns) on, or from the trade id that the page before named."""
    start = {"fromId": after} if after else {"startTime": since // 1_000_000}
    return Call(endpoint="privateGetMyTrades", params={"symbol": listed.market_id, "limit": _PAGE, **start}, weight=20)


def read_my_trades(answer: Answer) -> tuple[list[HeardFill], str]:
    """The fills of a page, oldest first, and where the next page starts ('' after the last)."""
    page = read(answer, list[OwnTrade])
    fills = [_own_trade(each) for each in sorted(page, key=lambda each: each.id)]
    return fills, str(int(fills[-1].trade_id) + 1) if len(page) >= _PAGE else ""


def read_balances(answer: Answer) -> Mapping[str, Decimal]:
    """Free and locked together, by asset, exactly."""
    return {
        each.asset: to_decimal(_total(each.free, each.locked), MAX_PLACES) for each in read(answer, Account).balances
    }


def read_permissions(answer: Answer) -> Permissions:
    """What the key may do."""
    key = read(answer, Restrictions)
    return Permissions(trade=key.enable_spot_and_margin_trading, withdraw=key.enable_withdrawals)


def _execution(event: Any) -> Iterator[Heard]:
    report = taken(event, ExecutionReport)
    order_id = report.original_id or report.client_id
    if report.what == "TRADE":
        yield HeardFill(
            market_id=report.symbol,
            order_id=order_id,
            venue_order_id=str(report.order_id),
            trade_id=str(report.trade_id),
            side=Side(report.side.lower()),
            quantity=report.last_quantity,
            price=report.last_price,
            fee=report.fee,
            fee_currency=report.fee_currency or "",
            maker=report.maker,
            at=millis(report.at),
        )
    yield HeardOrder(
        market_id=report.symbol,
        order_id=order_id,
        venue_order_id=str(report.order_id),
        status=status_of(report.status),
        at=millis(report.at),
        quantity=_in_force(report),
        price=given(report.price),
        stop=given(report.stop),
        filled=report.filled,
        reason=_reason(report),
        sequence=report.execution_id,
    )


def _in_force(report: ExecutionReport) -> str:
    """The total that can still trade: what self-trade prevention took away is gone for good."""
    if not given(report.prevented):
        return report.quantity
    return to_text(to_scaled(report.quantity, MAX_PLACES) - to_scaled(report.prevented, MAX_PLACES), MAX_PLACES)


def _reason(report: ExecutionReport) -> str:
    if report.what == "TRADE_PREVENTION":
        return "self-trade prevention"
    if report.expiry_reason:
        return report.expiry_reason
    return "" if report.reject_reason == "NONE" else report.reject_reason


def _holdings(event: Any) -> Iterator[Heard]:
    position = taken(event, AccountPosition)
    for each in position.balances:
        total = to_text(_total(each.free, each.locked), MAX_PLACES)
        yield HeardBalance(asset=each.asset, total=total, at=millis(position.at))


def _transfer(event: Any) -> Iterator[Heard]:
    update = taken(event, BalanceUpdate)
    yield HeardBalance(asset=update.asset, total="", change=update.change, at=millis(update.at), external=True)


def _end(event: Any) -> Iterator[Heard]:
    yield HeardEnd(reason=str(event["e"]))


def _nothing(_: Any) -> Iterator[Heard]:
    return iter(())


_EVENTS: Mapping[str, Callable[[Any], Iterator[Heard]]] = {
    "executionReport": _execution,
    "outboundAccountPosition": _holdings,
    "balanceUpdate": _transfer,
    "eventStreamTerminated": _end,
    "serverShutdown": _end,
    "listStatus": _nothing,  # of order lists, which are not placed here; each order of one reports for itself
    "externalLockUpdate": _nothing,  # moves free to locked; the total stays
}


def _own_trade(trade: OwnTrade) -> HeardFill:
    return HeardFill(
        market_id=trade.symbol,
        order_id="",
        venue_order_id=str(trade.order_id),
        trade_id=str(trade.id),
        side=Side.BUY if trade.is_buyer else Side.SELL,
        quantity=trade.qty,
        price=trade.price,
        fee=trade.commission,
        fee_currency=trade.commission_asset,
        maker=trade.is_maker,
        at=millis(trade.time),
    )


def _total(free: str, locked: str) -> int:
    return to_scaled(free, MAX_PLACES) + to_scaled(locked, MAX_PLACES)
