"""OKX v5 as a dialect: spot and linear perpetuals of one account; each part is in a module of its own beside this."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from workbench.connectors.dialect import Listed, RateLimit, Usage, Verdict
from workbench.connectors.dialects import okx_account, okx_listings, okx_market, okx_orders
from workbench.connectors.dialects.okx_pace import LIMITS
from workbench.connectors.dialects.okx_words import Time, candle, reply, rows
from workbench.connectors.dialects.reading import millis
from workbench.connectors.heard import (
    Heard,
    HeardBar,
    HeardBook,
    HeardFill,
    HeardFunding,
    HeardOrder,
    HeardTrade,
)
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.core.clock import SECOND, interval_ns
from workbench.core.errors import DataError, Unsupported
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.instrument import Instrument
from workbench.core.ports import Permissions

_PAGE = 100  # candles of a page, the most there are
_DEPTH = 400  # levels of a snapshot, the most there are
_TOO_FAST = re.compile(rb'"code"\s*:\s*"(50011|50040|50061)"')
_WAIT_S = 2.0  # the window that every limit is counted in


class OkxDialect:
    """OKX v5 with net positions and cross margin. Orders are named by our id; a resting one is amended in place."""

    name = "okx"
    verified = True
    limits: Sequence[RateLimit] = LIMITS
    recv_window_ns = 30 * SECOND  # how old a signature may be; a stop has no deadline of its own
    book_in_stream = True

    # --- listings, time, key ----------------------------------------------------------------------

    def listings(self) -> Sequence[Call]:
        """Spot, and perpetuals."""
        return okx_listings.LISTINGS

    def market_id(self, instrument: Instrument) -> str:
        """BTC-USDT for BTC/USDT, BTC-USDT-SWAP for BTC/USDT:USDT."""
        pair = instrument.symbol.partition(":")[0].replace("/", "-")
        return pair if instrument.is_spot else f"{pair}-SWAP"

    def read_listings(self, answers: Sequence[Answer], *, venue: str, account: str) -> Sequence[Listed]:
        """Every market of spot, and every linear perpetual."""
        return okx_listings.read_listings(answers, venue, account)

    def published_limits(self, answers: Sequence[Answer]) -> Sequence[RateLimit]:
        """None: OKX documents its limits and does not tell them."""
        return ()

    def time(self) -> Call:
        """Asks for the venue's clock."""
        return Call(endpoint="publicGetPublicTime")

    def read_time(self, answer: Answer) -> int:
        """The venue's clock, in UTC nanoseconds."""
        found = rows(answer, Time)
        if not found:
            raise DataError("okx: expected the time, got no rows")
        return millis(found[0].ts)

    def permissions(self) -> Call:
        """Asks what the key may do."""
        return okx_account.PERMISSIONS

    def read_permissions(self, answer: Answer) -> Permissions:
        """What the key may do."""
        return okx_account.read_permissions(answer)

    # --- orders -----------------------------------------------------------------------------------

    def place(self, order: OrderEvent, listed: Listed) -> Call:
        """The call that places an order or a stop; raises Unsupported for a combination that OKX does not have."""
        return okx_orders.place(order, listed)

    def amend(self, amend: AmendEvent, listed: Listed) -> Call:
        """The call that changes a resting order, or a stop that waits."""
        return okx_orders.amend(amend, listed)

    def cancel(self, order_id: str, listed: Listed, *, stop: bool) -> Call:
        """The call that takes an order back, or a stop that waits."""
        return okx_orders.cancel(order_id, listed, stop=stop)

    def cancel_became(self, venue_order_id: str, listed: Listed) -> Call | None:
        """The call that takes back what a stop became."""
        return okx_orders.cancel_became(venue_order_id, listed)

    def verdict(self, answer: Answer, *, order_id: str, listed: Listed) -> Verdict:
        """What an answer to a placed, amended or cancelled order proves; all that is no proof is UNKNOWN."""
        return okx_orders.verdict(answer, order_id)

    def order(self, order_id: str, listed: Listed) -> Sequence[Call]:
        """Asks for an order by its client id, and then for a stop."""
        return okx_orders.queries(order_id, listed)

    def read_order(self, answer: Answer, listed: Listed) -> HeardOrder | Call | None:
        """The order, the call that asks for what a stop became, or None where the venue says that it knows none."""
        return okx_orders.read_order(answer, listed)

    def open_orders(self) -> Sequence[Call]:
        """Asks for the open orders of every market, and for the stops that wait."""
        return okx_orders.OPEN_ORDERS

    def read_open_orders(self, answer: Answer) -> Sequence[HeardOrder]:
        """Every open order of a page, ours or not."""
        return okx_orders.read_open_orders(answer)

    def further_open_orders(self, answer: Answer) -> Call | None:
        """Asks for the next page, None after the last."""
        return okx_orders.further_open_orders(answer)

    def my_trades(self, listed: Listed, since: int, after: str) -> Call:
        """A page of own trades from `since` (UTC ns) on, or of those before the page before."""
        return okx_account.my_trades(listed, since, after)

    def read_my_trades(self, answer: Answer) -> tuple[Sequence[HeardFill], str]:
        """The fills of a page, oldest first, and where the next page starts ('' after the last)."""
        return okx_account.read_my_trades(answer)

    def funding(self, listed: Listed, since: int, after: str) -> Call | None:
        """A page of a perpetual's funding from `since` (UTC ns) on; None on spot."""
        return okx_account.funding(listed, since, after)

    def read_funding(self, answer: Answer) -> tuple[Sequence[HeardFunding], str]:
        """The settlements of a page, oldest first, and where the next page starts ('' after the last)."""
        return okx_account.read_funding(answer)

    def balances(self) -> Call:
        """Asks for all holdings."""
        return okx_account.BALANCES

    def read_balances(self, answer: Answer) -> Mapping[str, Decimal]:
        """Cash by asset."""
        return okx_account.read_balances(answer)

    def positions(self) -> Call | None:
        """Asks for the positions of perpetuals."""
        return okx_account.POSITIONS

    def read_positions(self, answer: Answer) -> Mapping[str, tuple[Decimal, Decimal | None]]:
        """Signed contracts and entry price by market."""
        return okx_account.read_positions(answer)

    # --- market data ------------------------------------------------------------------------------

    def book(self, listed: Listed, depth: int) -> Call:
        """A snapshot of so many levels a side; 0 is 400, which is the most."""
        params = {"instId": listed.market_id, "sz": str(min(depth or _DEPTH, _DEPTH))}
        return Call(endpoint="publicGetMarketBooks", params=params, urgency=Urgency.MARKET)

    def read_book(self, answer: Answer, market_id: str) -> HeardBook:
        """The snapshot."""
        return okx_market.read_book(_whole(answer), market_id)

    def bars(self, listed: Listed, interval: str, start: int, end: int) -> Call:
        """The candles whose open lies in [start, end) (UTC ns), a hundred lengths from `start` at most."""
        until = min(end, start + _PAGE * interval_ns(interval))
        params = {
            "instId": listed.market_id,
            "bar": candle(interval),
            "before": str(-(-start // 1_000_000) - 1),  # both ends are left out, as the venue counts them
            "after": str(-(-until // 1_000_000)),
            "limit": str(_PAGE),
        }
        return Call(endpoint="publicGetMarketHistoryCandles", params=params, urgency=Urgency.MARKET)

    def read_bars(self, answer: Answer, listed: Listed, interval: str) -> Sequence[HeardBar]:
        """The candles, oldest first."""
        return okx_market.read_bars(_whole(answer), listed.market_id, interval_ns=interval_ns(interval))

    def trades(self, listed: Listed, start: int, end: int, after: str) -> Call:
        """Raises Unsupported: OKX leads from now into the past only."""
        raise Unsupported("okx: past trades cannot be asked for from a beginning on")

    def read_trades(self, answer: Answer, listed: Listed) -> tuple[Sequence[HeardTrade], str]:
        """None at all."""
        return (), ""

    def hear(self, message: Any) -> Iterable[Heard]:
        """What a message of any of its streams says."""
        heard = okx_account.hears(message) if isinstance(message, dict) else None
        return okx_market.hear(message) if heard is None else heard

    # --- pace -------------------------------------------------------------------------------------

    def usage(self, answer: Answer) -> Sequence[Usage]:
        """Nothing: OKX does not tell how much is used."""
        return ()

    def wait_s(self, answer: Answer) -> float | None:
        """How long to stay away after a refusal for pace: one window, None after anything else."""
        return _WAIT_S if self.refuses_for_pace(answer) else None

    def refuses_for_pace(self, answer: Answer) -> bool:
        """Whether the request was refused for coming too fast; it was not executed."""
        return answer.status == 429 or _TOO_FAST.search(answer.body[:200]) is not None


def _whole(answer: Answer) -> dict[str, Any]:
    """The envelope as the market's readers take it; DataError where there is none."""
    said = reply(answer)
    if said is None:
        raise DataError(f"okx: expected an envelope, got status {answer.status}: {answer.body[:200]!r}")
    return {"code": said.code, "msg": said.msg, "data": msgspec.json.decode(said.data)}
