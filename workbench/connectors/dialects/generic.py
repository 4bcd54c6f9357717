"""Any exchange that ccxt knows, by ccxt's unified methods: nobody has tried it, so trading there takes a second yes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from workbench.connectors.dialect import Listed, RateLimit, Usage, Verdict
from workbench.connectors.dialects import generic_market, generic_orders
from workbench.connectors.dialects.generic_orders import read
from workbench.connectors.dialects.reading import Reading, exact, millis, readable
from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardFill, HeardFunding, HeardOrder, HeardTrade
from workbench.connectors.sending import CCXT_ERROR
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.core.clock import SECOND, interval_ns
from workbench.core.errors import ConfigError, DataError, Unsupported
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.instrument import Instrument
from workbench.core.money import dec
from workbench.core.ports import Permissions

_PAGE = 500  # rows asked for; most venues give as many
_WAIT_S = 10.0  # for a venue that names no time
_ACCOUNT = frozenset({"orders", "my_trades", "balance"})


def _unified(
    method: str, *args: Any, urgency: Urgency = Urgency.QUERY, timeout_s: float = 10.0, orders: int = 0
) -> Call:
    return Call(
        endpoint=f"unified:{method}", params={"args": list(args)}, urgency=urgency, timeout_s=timeout_s, orders=orders
    )


class GenericDialect:
    """The words that ccxt has for every venue. A market is named by its unified symbol.

    `positions` says whether the account holds perpetuals; without it only spot is listed.
    """

    verified = False
    limits: Sequence[RateLimit] = (RateLimit(name="weight", most=5, window_ns=SECOND),)  # below what any venue allows
    recv_window_ns = 0
    book_in_stream = True

    def __init__(self, name: str, *, positions: bool = False) -> None:
        self.name, self._positions = name, positions

    # --- listings, time, key ----------------------------------------------------------------------

    def listings(self) -> Sequence[Call]:
        """All markets; ccxt keeps them too, for its own methods."""
        return (_unified("load_markets", True, urgency=Urgency.MARKET, timeout_s=60.0),)

    def market_id(self, instrument: Instrument) -> str:
        """The unified symbol."""
        return instrument.symbol

    def read_listings(self, answers: Sequence[Answer], *, venue: str, account: str) -> Sequence[Listed]:
        """Spot markets, and linear perpetuals where the account holds positions; others are left out."""
        markets = [market for answer in answers for market in read(answer).values()]
        return readable(self.name, markets, lambda market: self._listed(market, venue=venue, account=account))

    def published_limits(self, answers: Sequence[Answer]) -> Sequence[RateLimit]:
        """None: ccxt does not tell."""
        return self.limits

    def time(self) -> Call:
        """Asks for the venue's clock."""
        return _unified("fetch_time")

    def read_time(self, answer: Answer) -> int:
        """The venue's clock, in UTC nanoseconds."""
        return millis(read(answer))

    def permissions(self) -> Call:
        """Raises Unsupported: ccxt has no word for it."""
        raise Unsupported(f"{self.name}: ccxt does not tell what a key may do")

    def read_permissions(self, answer: Answer) -> Permissions:
        """Nothing is known."""
        return Permissions(trade=None, withdraw=None)

    # --- orders -----------------------------------------------------------------------------------

    def place(self, order: OrderEvent, listed: Listed) -> Call:
        """The call that places an order; raises Unsupported for one that ccxt has no words for."""
        return _unified("create_order", *generic_orders.parameters(order), urgency=Urgency.ORDER, orders=1)

    def amend(self, amend: AmendEvent, listed: Listed) -> Call:
        """Raises Unsupported: what ccxt calls an edit is often a cancel and a new order."""
        raise Unsupported(f"{self.name}: order {amend.order_id}: orders are not amended through ccxt")

    def cancel(self, order_id: str, listed: Listed, *, stop: bool) -> Call:
        """The call that takes an order back."""
        return _unified("cancel_order", None, listed.market_id, {"clientOrderId": order_id}, urgency=Urgency.CANCEL)

    def cancel_became(self, venue_order_id: str, listed: Listed) -> Call | None:
        """None: a stop keeps its id when it is triggered."""
        return None

    def verdict(self, answer: Answer, *, order_id: str, listed: Listed) -> Verdict:
        """What an answer to a placed or cancelled order proves."""
        return generic_orders.verdict(answer, order_id)

    def order(self, order_id: str, listed: Listed) -> Sequence[Call]:
        """Asks for an order by its client id."""
        return (_unified("fetch_order", None, listed.market_id, {"clientOrderId": order_id}, urgency=Urgency.FATE),)

    def read_order(self, answer: Answer, listed: Listed) -> HeardOrder | None:
        """The order, None where the venue says that it knows none."""
        if answer.headers.get(CCXT_ERROR) == generic_orders.NOT_FOUND and answer.status < 500:
            return None
        return generic_orders.order_of(read(answer))

    def open_orders(self) -> Sequence[Call]:
        """Asks for all open orders."""
        return (_unified("fetch_open_orders"),)

    def read_open_orders(self, answer: Answer) -> Sequence[HeardOrder]:
        """Every open order, ours or not."""
        return [generic_orders.order_of(each) for each in _list(answer)]

    def further_open_orders(self, answer: Answer) -> Call | None:
        """None: one answer holds them all."""
        return None

    def my_trades(self, listed: Listed, since: int, after: str) -> Call:
        """A page of own trades from `since` (UTC ns), or from the last instant of the page before."""
        return _unified("fetch_my_trades", listed.market_id, int(after or since // 1_000_000), _PAGE)

    def read_my_trades(self, answer: Answer) -> tuple[Sequence[HeardFill], str]:
        """The fills of a page, oldest first, and where the next one starts."""
        fills = sorted((generic_orders.fill_of(each) for each in _list(answer)), key=lambda fill: fill.at)
        return fills, str(fills[-1].at // 1_000_000) if fills else ""

    def funding(self, listed: Listed, since: int, after: str) -> Call | None:
        """None: ccxt has no word for it that holds everywhere."""
        return None

    def read_funding(self, answer: Answer) -> tuple[Sequence[HeardFunding], str]:
        """Nothing."""
        return (), ""

    def balances(self) -> Call:
        """Asks for all holdings."""
        return _unified("fetch_balance")

    def read_balances(self, answer: Answer) -> Mapping[str, Decimal]:
        """Each asset's total."""
        return generic_orders.totals(read(answer))

    def positions(self) -> Call | None:
        """Asks for positions, where the account holds any."""
        return _unified("fetch_positions") if self._positions else None

    def read_positions(self, answer: Answer) -> Mapping[str, tuple[Decimal, Decimal | None]]:
        """Signed contracts and entry price by symbol."""
        return dict(_position(each) for each in _list(answer) if each.get("contracts") is not None)

    # --- market data ------------------------------------------------------------------------------

    def book(self, listed: Listed, depth: int) -> Call:
        """A snapshot."""
        return _unified("fetch_order_book", listed.market_id, depth or None, urgency=Urgency.MARKET)

    def read_book(self, answer: Answer, market_id: str) -> HeardBook:
        """The snapshot."""
        (book,) = generic_market.hear({**read(answer), "symbol": market_id})
        if not isinstance(book, HeardBook):
            raise DataError(f"{self.name}: expected an order book of {market_id}")
        return book

    def bars(self, listed: Listed, interval: str, start: int, end: int) -> Call:
        """Candles from `start` (UTC ns) on."""
        return _unified("fetch_ohlcv", listed.market_id, interval, start // 1_000_000, _PAGE, urgency=Urgency.MARKET)

    def read_bars(self, answer: Answer, listed: Listed, interval: str) -> Sequence[HeardBar]:
        """The candles, oldest first; one that was not over when we had the answer is not closed."""
        length = interval_ns(interval)
        return generic_market.read_bars(_list(answer), listed.market_id, interval_ns=length, now=answer.received)

    def trades(self, listed: Listed, start: int, end: int, after: str) -> Call:
        """A page of public trades from `start` (UTC ns), or from the last instant of the page before."""
        since = int(after or start // 1_000_000)
        return _unified("fetch_trades", listed.market_id, since, _PAGE, urgency=Urgency.MARKET)

    def read_trades(self, answer: Answer, listed: Listed) -> tuple[Sequence[HeardTrade], str]:
        """The trades of a page, oldest first, and where the next one starts."""
        trades = [each for each in generic_market.hear(_list(answer)) if isinstance(each, HeardTrade)]
        return trades, str(trades[-1].at // 1_000_000) if trades else ""

    def hear(self, message: Any) -> Iterable[Heard]:
        """What a watched structure says."""
        if isinstance(message, dict) and len(message) == 1 and _ACCOUNT.issuperset(message):
            return generic_orders.account_words(message)
        return generic_market.hear(message)

    # --- pace -------------------------------------------------------------------------------------

    def usage(self, answer: Answer) -> Sequence[Usage]:
        """Nothing: each venue counts in headers of its own."""
        return ()

    def wait_s(self, answer: Answer) -> float | None:
        """How long the venue asks us to stay away, None where it does not."""
        asked = answer.headers.get("retry-after", "")
        if asked.isdecimal():
            return float(asked)
        return _WAIT_S if self.refuses_for_pace(answer) else None

    def refuses_for_pace(self, answer: Answer) -> bool:
        """Whether the request was refused for coming too fast."""
        return answer.status in (418, 429) or answer.headers.get(CCXT_ERROR) in generic_orders.TOO_FAST

    def _listed(self, market: Any, *, venue: str, account: str) -> Listed | None:
        with Reading(venue, market):
            tradable = self._tradable(market)
        return _listed(market, venue=venue, account=account) if tradable else None

    def _tradable(self, market: Any) -> bool:
        known = all(market["precision"].get(step) is not None for step in ("price", "amount"))
        perpetual = bool(market.get("swap") and market.get("linear") and market.get("settle") == market.get("quote"))
        return known and (bool(market.get("spot")) or (self._positions and perpetual))


def _list(answer: Answer) -> list[Any]:
    rows = read(answer)
    if not isinstance(rows, list):
        raise DataError(f"ccxt: expected a list, got {type(rows).__name__}")
    return rows


def _listed(market: Any, *, venue: str, account: str) -> Listed:
    symbol = str(market["symbol"])
    with Reading(f"{venue} {symbol}", market):
        limits, steps = market["limits"], market["precision"]
        try:
            instrument = Instrument(
                venue=venue,
                account=account,
                symbol=symbol,
                tick=dec(exact(steps["price"]), "price step"),
                lot=dec(exact(steps["amount"]), "amount step"),
                min_quantity=_limit(limits, "amount", "min") or Decimal(0),
                min_notional=_limit(limits, "cost", "min") or Decimal(0),
                contract_size=dec(exact(market.get("contractSize") or 1), "contract size"),
                amendable=False,
            )
        except ConfigError as error:
            raise DataError(str(error)) from None
        return Listed(
            instrument=instrument,
            market_id=symbol,
            open=market.get("active") is not False,
            min_price=_limit(limits, "price", "min"),
            max_price=_limit(limits, "price", "max"),
            max_quantity=_limit(limits, "amount", "max"),
            max_market_quantity=_limit(limits, "market", "max"),
            max_notional=_limit(limits, "cost", "max"),
        )


def _limit(limits: Any, what: str, end: str) -> Decimal | None:
    number = (limits.get(what) or {}).get(end)
    return None if number is None else dec(exact(number), f"{what} {end}")


def _position(position: Any) -> tuple[str, tuple[Decimal, Decimal | None]]:
    with Reading("ccxt", position):
        sign = {"long": "", "short": "-"}[position["side"]]
        entry = position.get("entryPrice")
        held = dec(f"{sign}{exact(position['contracts'])}", "contracts")
        return str(position["symbol"]), (held, None if entry is None else dec(exact(entry), "entry price"))
