"""Binance spot as a dialect: its orders, account, listings and market, each in a module of its own beside this one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from workbench.connectors.dialect import Listed, RateLimit, Usage, Verdict
from workbench.connectors.dialects import (
    binance_account,
    binance_listings,
    binance_market,
    binance_orders,
)
from workbench.connectors.dialects.binance_words import Time, read
from workbench.connectors.dialects.reading import millis
from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardFill, HeardFunding, HeardOrder, HeardTrade
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.core.clock import SECOND, interval_ns
from workbench.core.errors import Unsupported
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.instrument import Instrument
from workbench.core.ports import Permissions

_INTERVALS = frozenset(
    ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"]  # 1M has no length
)
_PAGE = 1_000  # rows of a page, the most there are
_DEEPEST = 5_000  # levels of a snapshot
_DEPTH = 1_000  # where nobody says how deep: enough to follow a day's moves
_USED = re.compile(r"x-mbx-(?P<name>used-weight|order-count)-(?P<window>\d+[smhd])")
_COUNTED = {"used-weight": "weight", "order-count": "orders"}
_TOO_FAST = frozenset({418, 429})
_WAIT_S = 60.0  # the longest window that weight is counted in, for a venue that names no time


class BinanceDialect:
    """Binance spot. Orders are named by our id; a resting order cannot be changed, only replaced."""

    name = "binance"
    verified = True
    limits: Sequence[RateLimit] = binance_listings.LIMITS
    recv_window_ns = 5 * SECOND
    book_in_stream = False

    # --- listings, time, key ----------------------------------------------------------------------

    def listings(self) -> Sequence[Call]:
        """All symbols at once."""
        return (binance_listings.LISTINGS,)

    def market_id(self, instrument: Instrument) -> str:
        """BTCUSDT for BTC/USDT."""
        return instrument.symbol.replace("/", "")

    def read_listings(self, answers: Sequence[Answer], *, venue: str, account: str) -> Sequence[Listed]:
        """Every symbol that spot orders are allowed on."""
        return [each for answer in answers for each in binance_listings.read_listings(answer, venue, account)]

    def published_limits(self, answers: Sequence[Answer]) -> Sequence[RateLimit]:
        """The limits that came with the listings."""
        return [each for answer in answers for each in binance_listings.published_limits(answer)]

    def time(self) -> Call:
        """Asks for the venue's clock."""
        return Call(endpoint="publicGetTime", weight=1)

    def read_time(self, answer: Answer) -> int:
        """The venue's clock, in UTC nanoseconds."""
        return millis(read(answer, Time).server_time)

    def permissions(self) -> Call:
        """Asks what the key may do."""
        return binance_account.PERMISSIONS

    def read_permissions(self, answer: Answer) -> Permissions:
        """What the key may do."""
        return binance_account.read_permissions(answer)

    # --- orders -----------------------------------------------------------------------------------

    def place(self, order: OrderEvent, listed: Listed) -> Call:
        """The call that places an order; raises Unsupported for a combination that Binance does not have."""
        return binance_orders.place(order, listed)

    def amend(self, amend: AmendEvent, listed: Listed) -> Call:
        """Raises Unsupported: an order is cancelled and placed anew."""
        raise Unsupported(f"binance: order {amend.order_id}: a resting order's price cannot be changed")

    def cancel(self, order_id: str, listed: Listed, *, stop: bool) -> Call:
        """The call that takes an order back, waiting stops too."""
        return binance_orders.cancel(order_id, listed)

    def cancel_became(self, venue_order_id: str, listed: Listed) -> Call | None:
        """None: a stop keeps its id when it is triggered."""
        return None

    def verdict(self, answer: Answer, *, order_id: str, listed: Listed) -> Verdict:
        """What an answer to a placed or cancelled order proves; all that is no proof is UNKNOWN."""
        return binance_orders.verdict(answer, order_id)

    def order(self, order_id: str, listed: Listed) -> Sequence[Call]:
        """Asks for an order by its client id."""
        return (binance_orders.query(order_id, listed),)

    def read_order(self, answer: Answer, listed: Listed) -> HeardOrder | None:
        """The order, None where the venue says that it knows none."""
        return binance_orders.read_order(answer)

    def open_orders(self) -> Sequence[Call]:
        """Asks for the open orders of every symbol."""
        return (binance_orders.OPEN_ORDERS,)

    def read_open_orders(self, answer: Answer) -> Sequence[HeardOrder]:
        """Every open order, ours or not."""
        return binance_orders.read_open_orders(answer)

    def further_open_orders(self, answer: Answer) -> Call | None:
        """None: one answer holds them all."""
        return None

    def my_trades(self, listed: Listed, since: int, after: str) -> Call:
        """A page of own trades from `since` (UTC ns) on, or from where the page before ended."""
        return binance_account.my_trades(listed, since, after)

    def read_my_trades(self, answer: Answer) -> tuple[Sequence[HeardFill], str]:
        """The fills of a page, oldest first, and where the next page starts ('' after the last)."""
        return binance_account.read_my_trades(answer)

    def funding(self, listed: Listed, since: int, after: str) -> Call | None:
        """None: spot has no funding."""
        return None

    def read_funding(self, answer: Answer) -> tuple[Sequence[HeardFunding], str]:
        """Nothing."""
        return (), ""

    def balances(self) -> Call:
        """Asks for all holdings."""
        return binance_account.BALANCES

    def read_balances(self, answer: Answer) -> Mapping[str, Decimal]:
        """Free and locked together, by asset."""
        return binance_account.read_balances(answer)

    def positions(self) -> Call | None:
        """None: spot has holdings, not positions."""
        return None

    def read_positions(self, answer: Answer) -> Mapping[str, tuple[Decimal, Decimal | None]]:
        """None at all."""
        return {}

    # --- market data ------------------------------------------------------------------------------

    def book(self, listed: Listed, depth: int) -> Call:
        """A snapshot of so many levels a side; 0 is a thousand, and five thousand is the most."""
        levels = min(depth or _DEPTH, _DEEPEST)
        return Call(
            endpoint="publicGetDepth",
            params={"symbol": listed.market_id, "limit": levels},
            urgency=Urgency.MARKET,
            weight=binance_listings.weight_of_book(levels),
        )

    def read_book(self, answer: Answer, market_id: str) -> HeardBook:
        """The snapshot, with the update it stands at."""
        return binance_market.read_book(read(answer, dict[str, Any]), market_id)

    def bars(self, listed: Listed, interval: str, start: int, end: int) -> Call:
        """The first thousand candles whose open lies in [start, end) (UTC ns)."""
        if interval not in _INTERVALS:
            raise Unsupported(f"binance: no bars of {interval!r}; there are {', '.join(sorted(_INTERVALS))}")
        return Call(
            endpoint="publicGetKlines",
            params={"symbol": listed.market_id, "interval": interval, "limit": _PAGE, **_between(start, end)},
            urgency=Urgency.MARKET,
            weight=2,
        )

    def read_bars(self, answer: Answer, listed: Listed, interval: str) -> Sequence[HeardBar]:
        """The candles, oldest first; one that was not over when we had the answer is not closed."""
        rows = read(answer, list[list[Any]])
        length = interval_ns(interval)
        return binance_market.read_bars(rows, listed.market_id, interval_ns=length, now=answer.received)

    def trades(self, listed: Listed, start: int, end: int, after: str) -> Call:
        """A page of aggregate trades in [start, end) (UTC ns); pages after the first go on past `end`."""
        span = {"fromId": after} if after else _between(start, end)
        return Call(
            endpoint="publicGetAggTrades",
            params={"symbol": listed.market_id, "limit": _PAGE, **span},
            urgency=Urgency.MARKET,
            weight=4,
        )

    def read_trades(self, answer: Answer, listed: Listed) -> tuple[Sequence[HeardTrade], str]:
        """The trades of a page, oldest first, and where the next page starts ('' after the last)."""
        trades = binance_market.read_trades(read(answer, list[dict[str, Any]]), listed.market_id)
        return trades, str(int(trades[-1].trade_id) + 1) if len(trades) >= _PAGE else ""

    def hear(self, message: Any) -> Iterable[Heard]:
        """What a message of any of its streams says."""
        heard = binance_account.hears(message) if isinstance(message, dict) else None
        return binance_market.hear(message) if heard is None else heard

    # --- pace -------------------------------------------------------------------------------------

    def usage(self, answer: Answer) -> Sequence[Usage]:
        """Weight and orders as the venue counts them, from the headers of any answer."""
        found = [(_USED.fullmatch(name), value) for name, value in answer.headers.items()]
        return [
            Usage(name=_COUNTED[match["name"]], used=int(value), window_ns=interval_ns(match["window"]))
            for match, value in found
            if match and value.isdecimal()
        ]

    def wait_s(self, answer: Answer) -> float | None:
        """How long the venue asks us to stay away, None where it does not."""
        asked = answer.headers.get("retry-after", "")
        if asked.isdecimal():
            return float(asked)
        return _WAIT_S if self.refuses_for_pace(answer) else None

    def refuses_for_pace(self, answer: Answer) -> bool:
        """Whether the request was refused for coming too fast; it was not executed."""
        return answer.status in _TOO_FAST


def _between(start: int, end: int) -> dict[str, int]:
    """Milliseconds from `start` on and before `end`, both ends included as the venue counts them."""
    return {"startTime": -(-start // 1_000_000), "endTime": (end - 1) // 1_000_000}
