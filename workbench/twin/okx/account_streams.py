"""Account channels: what an account hears of its orders, stops, balances and positions."""

from __future__ import annotations

from workbench.twin.actions import Where
from workbench.twin.floor import Floor
from workbench.twin.okx.formats import Instruments, Json, ms, number, total
from workbench.twin.okx.holdings import balance_data, position_row
from workbench.twin.okx.orders import algo_row, algo_state, is_algo, is_order, pushed_row, state_of
from workbench.twin.okx.records import Records
from workbench.twin.okx.subscriptions import Listener, Subscriptions, say
from workbench.twin.okx.voice import OKX
from workbench.twin.words import (
    BalancesChanged,
    Event,
    Execution,
    FundingPaid,
    Happened,
    PositionChanged,
)

ORDERS, ALGOS, ACCOUNT, POSITIONS, BOTH = "orders", "orders-algo", "account", "positions", "balance_and_position"
PRIVATE = frozenset({ORDERS, ACCOUNT, POSITIONS, BOTH})
_ALL = PRIVATE | {ALGOS}
UID = "1"
_UPDATE = {"curPage": 1, "eventType": "event_update", "lastPage": True}
_SNAPSHOT = {"curPage": 1, "eventType": "snapshot", "lastPage": True}


class AccountStreams:
    """Tells accounts what happens to them."""

    def __init__(self, floor: Floor, instruments: Instruments, records: Records, subscriptions: Subscriptions) -> None:
        self._floor, self._instruments, self._records = floor, instruments, records
        self._subscriptions = subscriptions
        self._causes: dict[str, str] = {}  # by account: why its balances are about to change
        self._trades: dict[str, list[Json]] = {}  # by account: since its balances were told
        self._positions: dict[str, dict[str, Json]] = {}  # by account and symbol: the same
        floor.exchange.listen(self._hear)

    def welcome(self, name: str, listener: Listener) -> None:
        """Tells a listener from now on, and first balances and positions as they are, where its channel has them."""
        self._subscriptions.add(name, listener)
        now, account = self._floor.clock.now(), listener.account
        if name == ACCOUNT:
            self._push(listener, name, {**_SNAPSHOT, "data": [self._balances(account, now)]})
        elif name == POSITIONS:
            rows = [self._position(each) for each in self._floor.exchange.positions(account)]
            shown = [each for each in rows if listener.covers(kind=each["instType"], native=each["instId"])]
            self._push(listener, name, {**_SNAPSHOT, "data": shown})
        elif name == BOTH:
            self._push(listener, name, {"data": [self._snapshot(account, now)]})

    def listeners(self, account: str) -> int:
        """How many subscriptions to an account there are."""
        return sum(len(self._subscriptions.of(each, account)) for each in _ALL)

    def terminate(self, account: str) -> int:
        """Ends all subscriptions to an account, each connection with a notice; how many there were."""
        ending = [(name, each) for name in sorted(_ALL) for each in self._subscriptions.of(name, account)]
        for outlet in dict.fromkeys(each.outlet for _, each in ending):
            outlet.say(Where.USER, "notice", OKX.shutdown(self._floor.clock.now(), wrapped=True))
        for name, each in ending:
            self._forget(name, each)
        return len(ending)

    def announce_shutdown(self) -> None:
        """Tells every connection that hears an account that it is closed soon."""
        listeners = [each for name in sorted(_ALL) for each in self._subscriptions.of(name)]
        for outlet in dict.fromkeys(each.outlet for each in listeners):
            outlet.say(Where.USER, "notice", OKX.shutdown(self._floor.clock.now(), wrapped=True))

    def _hear(self, event: Event) -> None:
        if isinstance(event, Execution):
            self._hear_execution(event)
        elif isinstance(event, PositionChanged):
            self._hear_position(event)
        elif isinstance(event, FundingPaid):
            self._causes[event.account] = "funding_fee"
        elif isinstance(event, BalancesChanged):
            self._hear_balances(event)

    def _hear_execution(self, event: Execution) -> None:
        order = event.order
        symbol, account = order.wanted.symbol, order.account
        if symbol not in self._instruments.native:
            return
        if event.trade is not None:
            self._causes[account] = "liquidation" if event.trade.forced else "filled"
            native, trade_id = self._instruments.native[symbol], str(event.trade.print.trade_id)
            self._trades.setdefault(account, []).append({"instId": native, "tradeId": trade_id})
        listing = self._floor.exchange.listings[symbol]
        if is_algo(order) and (event.what is Happened.TRIGGERED or not order.working_since):
            row = algo_row(order, listing, self._records)
            self._tell(account, ALGOS, algo_state(order), symbol, {"data": [row]})
        if is_order(order):
            amended = event.what is Happened.REPLACED
            row = pushed_row(order, listing, self._records, trade=event.trade, amended=amended)
            self._tell(account, ORDERS, state_of(order), symbol, {"data": [row]})

    def _hear_position(self, event: PositionChanged) -> None:
        row = self._position(event)
        self._positions.setdefault(event.account, {})[event.symbol] = row
        self._tell(event.account, POSITIONS, "event_update", event.symbol, {**_UPDATE, "data": [row]})

    def _hear_balances(self, event: BalancesChanged) -> None:
        account, now = event.account, event.at
        cause = "transferred" if event.transfer is not None else self._causes.pop(account, "")
        trades, positions = self._trades.pop(account, []), self._positions.pop(account, {})
        for each in self._subscriptions.of(ACCOUNT, account):
            wanted = each.arg.get("ccy", "")
            told = [one for one in event.balances if wanted in ("", one.asset)]
            data = balance_data(self._floor.exchange, account, told, now)
            self._push(each, f"{ACCOUNT}:event_update", {**_UPDATE, "data": [data]})
        if not cause:
            return  # only locks changed, of which this channel says nothing
        balances = [_cash(each.asset, number(total(each.free, each.locked)), now) for each in event.balances]
        both = _both(cause, balances, list(positions.values()), trades, now)
        for each in self._subscriptions.of(BOTH, account):
            self._push(each, f"{BOTH}:{cause}", {"data": [both]})

    def _tell(self, account: str, channel: str, what: str, symbol: str, message: Json) -> None:
        kind, native = self._instruments.kind[symbol], self._instruments.native[symbol]
        for each in self._subscriptions.of(channel, account):
            if each.covers(kind=kind, native=native):
                self._push(each, f"{channel}:{what}", message)

    def _push(self, listener: Listener, name: str, message: Json) -> None:
        channel = name.split(":")[0]
        say(listener, Where.USER, name, message, lambda: self._forget(channel, listener))

    def _forget(self, name: str, listener: Listener) -> None:
        self._subscriptions.remove(name, listener.outlet, listener.arg)

    def _balances(self, account: str, now: int) -> Json:
        exchange = self._floor.exchange
        return balance_data(exchange, account, exchange.balances(account), now)

    def _position(self, position: PositionChanged) -> Json:
        listing = self._floor.exchange.listings[position.symbol]
        leverage = self._records.leverage.get((position.account, position.symbol), listing.leverage)
        return position_row(position, listing, last=position.mark, leverage=leverage)

    def _snapshot(self, account: str, now: int) -> Json:
        exchange = self._floor.exchange
        balances = [
            _cash(each.asset, number(total(each.free, each.locked)), now) for each in exchange.balances(account)
        ]
        return _both("snapshot", balances, [self._position(each) for each in exchange.positions(account)], [], now)


def _cash(asset: str, cash: str, now: int) -> Json:
    return {"cashBal": cash, "ccy": asset, "uTime": ms(now)}


def _both(cause: str, balances: list[Json], positions: list[Json], trades: list[Json], now: int) -> Json:
    return {"balData": balances, "eventType": cause, "pTime": ms(now), "posData": positions, "trades": trades}
