"""An order while it is worked: whole numbers inside, from which every report is copied."""

from __future__ import annotations

import msgspec

from workbench.twin.amounts import of_money, of_units
from workbench.twin.words import Force, Order, OrderKind, SelfTrade, State, Wanted

BY_MARKET = frozenset({OrderKind.MARKET, OrderKind.STOP_LOSS, OrderKind.TAKE_PROFIT})
STOPS = frozenset({OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT, OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT})


class Ticket(msgspec.Struct, kw_only=True, eq=False):
    """An order of an account; `reserve` is the price at which its funds are locked until it ends."""

    order_id: int
    account: str
    symbol: str
    wanted: Wanted
    client_id: str
    buy: bool
    stp: SelfTrade
    quantity: int
    price: int = 0
    reserve: int = 0
    stop: int = 0
    extreme: int = 0  # of a trailing stop: the best price since it began to follow, 0 before
    slice: int = 0  # of an iceberg: what it shows at a time
    budget: int | None = None  # of a market order by quote currency: money to spend or to get
    shown: int = 0
    filled: int = 0
    spent: int = 0
    prevented: int = 0
    lock: int = 0  # money of the locked asset; on a perpetual the notional that binds margin
    state: State = State.NEW
    on_book: bool = False
    waiting: bool = False
    forced: bool = False  # a liquidation
    exhausts: bool = False  # by money, of which the book cannot give enough
    created: int = 0
    updated: int = 0
    working_since: int = 0

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled - self.prevented

    @property
    def open(self) -> bool:
        return self.state is State.NEW or self.state is State.PARTIALLY_FILLED

    @property
    def by_market(self) -> bool:
        return self.wanted.kind in BY_MARKET

    @property
    def post_only(self) -> bool:
        return self.wanted.kind is OrderKind.LIMIT_MAKER

    @property
    def rests(self) -> bool:
        """Whether what is left of it stays on the book."""
        return not self.by_market and self.wanted.force is Force.GTC

    def copy(self) -> Order:
        """The order as everybody sees it now."""
        return Order(
            order_id=self.order_id,
            account=self.account,
            wanted=self.wanted,
            client_id=self.client_id,
            quantity=of_units(self.quantity),
            price=of_units(self.price),
            state=self.state,
            filled=of_units(self.filled),
            spent=of_money(self.spent),
            prevented=of_units(self.prevented),
            on_book=self.on_book,
            waiting=self.waiting,
            created=self.created,
            updated=self.updated,
            working_since=self.working_since,
        )
