"""What OKX v5 says of an account: its streams, holdings, positions, own trades, funding, and its key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from workbench.connectors.dialect import Listed
from workbench.connectors.dialects.okx_reports import algo_heard, own_trade, reported
from workbench.connectors.dialects.okx_words import (
    Algo,
    Balances,
    Bill,
    Changed,
    Config,
    Holding,
    Order,
    OwnTrade,
    Position,
    given,
    kind_of,
    rows,
    taken,
)
from workbench.connectors.dialects.reading import Reading, millis
from workbench.connectors.heard import Heard, HeardBalance, HeardFill, HeardFunding, HeardSettled
from workbench.connectors.wire import Answer, Call
from workbench.core.errors import DataError
from workbench.core.money import MAX_PLACES, dec, to_decimal, to_scaled
from workbench.core.ports import Permissions

_PAGE = 100  # rows of a page, the most there are
_FUNDING = "8"  # the type of a bill

BALANCES = Call(endpoint="privateGetAccountBalance")
POSITIONS = Call(endpoint="privateGetAccountPositions", params={"instType": "SWAP"})
PERMISSIONS = Call(endpoint="privateGetAccountConfig")


def hears(message: Any) -> Iterable[Heard] | None:
    """What a message of the account's streams says, None if it is not of them; DataError for one it cannot read."""
    with Reading("okx", message):
        argument = message.get("arg", {})
        take = _CHANNELS.get(argument.get("channel", ""))
        return None if take is None or "data" not in message else list(_each(take, message["data"]))


def my_trades(listed: Listed, since: int, after: str) -> Call:
    """A page of own trades from `since` (UTC ns) on, the newest first; the page after is older."""
    return _page("privateGetTradeFillsHistory", listed, since, after)


def read_my_trades(answer: Answer) -> tuple[list[HeardFill], str]:
    """The fills of a page, oldest first, and what the next page is before ('' after the last)."""
    page = rows(answer, OwnTrade)
    with Reading("okx", answer.body):
        return [own_trade(each) for each in reversed(page)], _next([each.bill_id for each in page])


def funding(listed: Listed, since: int, after: str) -> Call | None:
    """A page of what a perpetual's funding came to from `since` (UTC ns) on; None on spot, which has none."""
    if listed.instrument.is_spot:
        return None
    return _page("privateGetAccountBills", listed, since, after, type=_FUNDING)


def read_funding(answer: Answer) -> tuple[list[HeardFunding], str]:
    """The settlements of a page, oldest first, and what the next page is before ('' after the last)."""
    page = rows(answer, Bill)
    with Reading("okx", answer.body):
        settled = [_funding(each) for each in reversed(page) if each.type == _FUNDING]
    return settled, _next([each.bill_id for each in page])


def read_balances(answer: Answer) -> Mapping[str, Decimal]:
    """Cash by asset, exactly; what open positions have won or lost is not in it."""
    return {
        each.ccy: to_decimal(to_scaled(each.cash_bal or "0", MAX_PLACES, each.ccy), MAX_PLACES)
        for account in rows(answer, Balances)
        for each in account.details
    }


def read_positions(answer: Answer) -> Mapping[str, tuple[Decimal, Decimal | None]]:
    """Signed contracts and entry price by market; both sides of an account that keeps them apart add up."""
    held: dict[str, list[Position]] = {}
    for each in rows(answer, Position):
        held.setdefault(each.inst_id, []).append(each)
    return {market_id: _net(sides) for market_id, sides in held.items()}


def read_permissions(answer: Answer) -> Permissions:
    """What the key that asked may do; nothing is known where the venue does not say."""
    found = rows(answer, Config)
    if not found or not found[0].perm:
        return Permissions(trade=None, withdraw=None)
    may = found[0].perm.split(",")
    return Permissions(trade="trade" in may, withdraw="withdraw" in may)


def _each(take: Callable[[Any], Iterable[Heard]], data: Any) -> Iterator[Heard]:
    for row in data:
        yield from take(row)


def _holdings(row: Any) -> Iterator[Heard]:
    return _totals(taken(row, Balances).details, external=False)


def _changed(row: Any) -> Iterator[Heard]:
    changed = taken(row, Changed)
    yield from _totals(changed.bal_data, external=changed.event_type == "transferred")
    if changed.event_type == "funding_fee":
        for market_id in [each.inst_id for each in changed.pos_data] or [""]:
            yield HeardSettled(market_id=market_id, at=millis(changed.p_time))


def _totals(holdings: Sequence[Holding], *, external: bool) -> Iterator[Heard]:
    for each in holdings:
        yield HeardBalance(asset=each.ccy, total=each.cash_bal or "0", at=millis(each.u_time), external=external)


_CHANNELS: Mapping[str, Callable[[Any], Iterable[Heard]]] = {
    "orders": lambda row: reported(taken(row, Order)),
    "orders-algo": lambda row: (algo_heard(taken(row, Algo)),),
    "account": _holdings,
    "balance_and_position": _changed,
    "positions": lambda row: (),  # asked for instead: a push says how a position stands, not what moved it
}


def _page(endpoint: str, listed: Listed, since: int, after: str, **more: str) -> Call:
    params = {
        "instType": kind_of(listed.market_id),
        "instId": listed.market_id,
        "begin": str(max(0, since) // 1_000_000),
        "limit": str(_PAGE),
        **more,
    }
    return Call(endpoint=endpoint, params={**params, **({"after": after} if after else {})})


def _next(bills: Sequence[str]) -> str:
    return bills[-1] if len(bills) >= _PAGE else ""


def _funding(bill: Bill) -> HeardFunding:
    return HeardFunding(
        market_id=bill.inst_id,
        amount=bill.bal_chg,
        currency=bill.ccy,
        funding_id=bill.bill_id,
        at=millis(bill.ts),
    )


def _net(sides: Sequence[Position]) -> tuple[Decimal, Decimal | None]:
    total = sum(_signed(each) for each in sides)
    entry = given(sides[0].avg_px) if len(sides) == 1 else None
    return to_decimal(total, MAX_PLACES), None if entry is None else dec(entry, "entry price")


def _signed(position: Position) -> int:
    if position.pos_side not in ("net", "long", "short"):
        raise DataError(f"okx: position side {position.pos_side!r}: expected net, long or short")
    size = to_scaled(position.pos or "0", MAX_PLACES, f"{position.inst_id} position")
    return -size if position.pos_side == "short" else size
