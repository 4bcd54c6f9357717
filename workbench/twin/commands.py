"""What the exchange can be told to do, as its journal keeps it: a struct each, fields as the method takes them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workbench.twin.words import Listing, Wanted


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", omit_defaults=True):
    """Something the exchange is told to do at `now`."""

    now: int


class OpenAccount(Command, frozen=True, kw_only=True, tag="open_account"):
    name: str
    balances: dict[str, Decimal]
    bnb_fees: bool = False
    crowd: bool = False


class Transfer(Command, frozen=True, kw_only=True, tag="transfer"):
    account: str
    asset: str
    amount: Decimal


class Place(Command, frozen=True, kw_only=True, tag="place"):
    account: str
    wanted: Wanted


class Cancel(Command, frozen=True, kw_only=True, tag="cancel"):
    account: str
    symbol: str
    order_id: int | None = None
    client_id: str | None = None
    cancel_id: str = ""


class CancelAll(Command, frozen=True, kw_only=True, tag="cancel_all"):
    account: str
    symbol: str | None = None


class Amend(Command, frozen=True, kw_only=True, tag="amend"):
    account: str
    symbol: str
    order_id: int | None = None
    client_id: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None


class ChangeListing(Command, frozen=True, kw_only=True, tag="change_listing"):
    listing: Listing


class Expire(Command, frozen=True, kw_only=True, tag="expire"):
    account: str
    order_id: int
    reason: str


class TradeWith(Command, frozen=True, kw_only=True, tag="trade_with"):
    account: str
    order_id: int
    quantity: Decimal
    price: Decimal | None = None
    force: bool = False


class SetMark(Command, frozen=True, kw_only=True, tag="set_mark"):
    symbol: str
    price: Decimal


class Fund(Command, frozen=True, kw_only=True, tag="fund"):
    symbol: str
    rate: Decimal


AnyCommand = (
    OpenAccount | Transfer | Place | Cancel | CancelAll | Amend | ChangeListing | Expire | TradeWith | SetMark | Fund
)
