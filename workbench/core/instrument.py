"""What is traded, where, by which account, and in what steps."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import ClassVar

import msgspec

from workbench.core.errors import ConfigError, Unsupported
from workbench.core.money import MAX_PLACES, dec, places_of, to_scaled
from workbench.core.rules import RATE

CASH_PLACES = 8  # the precision exchanges keep balances in; finer only where tick x lot is finer
VOLUME_PLACES = 8  # what traded volumes are kept in

_SYMBOL = re.compile(r"(?P<base>[^\s/:]{1,20})/(?P<quote>[^\s/:]{1,20})(:(?P<settle>[^\s/:]{1,20}))?")


class Kind(StrEnum):
    """Spot changes hands; a perpetual is a position that is settled in cash."""

    SPOT = "spot"
    PERPETUAL = "perpetual"


class FeeCurrency(StrEnum):
    """In what a venue takes its fee."""

    QUOTE = "quote"  # always in quote currency
    RECEIVED = "received"  # in what the trade brings in: base for a buy, quote for a sell


class MarginTier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A venue's margin terms for the part of a position that is worth more than `above` in quote currency."""

    above: Decimal
    max_leverage: int
    maintenance: Decimal


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One tradable symbol on one account of one venue.

    Prices count units of 10^-price_places and quantities units of 10^-quantity_places; both are
    fixed for the life of the data, while `tick` and `lot` (the venue's current steps) may change.
    `min_notional` is in quote currency. Symbols are unified: `BTC/USDT` is spot, `BTC/USDT:USDT`
    a linear perpetual settled in USDT: its venue lends up to `max_leverage` times what the account owns
    and closes it by force below `maintenance`, a fraction of its worth; `tiers`, smallest first, change
    both for the part of a position beyond their worth.
    Raises ConfigError for terms that contradict each other.
    """

    venue: str
    symbol: str
    tick: Decimal
    lot: Decimal
    account: str = "main"
    min_quantity: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    contract_size: Decimal = Decimal(1)
    fee_currency: FeeCurrency = FeeCurrency.QUOTE
    fee_places: int = CASH_PLACES
    price_places: int = -1  # -1: as fine as the tick
    quantity_places: int = -1  # -1: as fine as the lot, and as volumes and fees taken in base need
    max_leverage: int = 1  # 1: nothing is lent
    maintenance: Decimal = Decimal(0)
    tiers: tuple[MarginTier, ...] = ()
    rate_places: ClassVar[int] = MAX_PLACES  # what funding rates are kept in, the same everywhere
    amendable: bool = True  # False: the venue changes no resting order; it is cancelled and placed anew

    def __post_init__(self) -> None:
        found = _SYMBOL.fullmatch(self.symbol)
        if not found:
            raise ConfigError(
                f"symbol: expected BASE/QUOTE or BASE/QUOTE:SETTLE such as 'BTC/USDT', got {self.symbol!r}"
            )
        if found["settle"] and found["settle"] == found["base"]:
            raise Unsupported(f"{self.symbol}: inverse contracts are not supported; linear ones are")
        if found["settle"] and found["settle"] != found["quote"]:
            raise Unsupported(f"{self.symbol}: is not settled in {found['quote']}, what its price is quoted in")
        for name in ("tick", "lot", "contract_size"):
            if dec(getattr(self, name), f"{self.symbol} {name}") <= 0:
                raise ConfigError(f"{self.symbol} {name}: expected more than 0, got {getattr(self, name)}")
        for name in ("min_quantity", "min_notional"):
            if dec(getattr(self, name), f"{self.symbol} {name}") < 0:
                raise ConfigError(f"{self.symbol} {name}: expected 0 or more, got {getattr(self, name)}")
        self._check_margin()
        if self.price_places < 0:
            msgspec.structs.force_setattr(self, "price_places", places_of(self.tick))
        if self.quantity_places < 0:
            places = max(VOLUME_PLACES, places_of(self.lot), places_of(self.min_quantity), self.fee_places)
            msgspec.structs.force_setattr(self, "quantity_places", places)
        if max(self.price_places, self.quantity_places, self.fee_places) > MAX_PLACES:
            raise ConfigError(f"{self.symbol}: more than {MAX_PLACES} decimal places")
        if self.is_spot and self.quantity_places < self.fee_places:  # a fee taken in base must be exact too
            raise ConfigError(
                f"{self.symbol} quantity_places: expected at least the {self.fee_places} of fee_places, "
                f"got {self.quantity_places}"
            )
        self.terms(self.cash_places)  # a tick or lot finer than its fixed precision fails here, not in a trade

    def _check_margin(self) -> None:
        above, rate = Decimal(0), 0
        for tier in self.margin_tiers:
            leverage, maintenance = tier.max_leverage, to_scaled(tier.maintenance, 8, f"{self.symbol} maintenance")
            if leverage < 1:
                raise ConfigError(f"{self.symbol} max_leverage: expected 1 or more, got {leverage}")
            if not rate <= maintenance <= RATE // leverage:
                raise ConfigError(
                    f"{self.symbol} maintenance: expected from that of the tier below to 1/{leverage}, "
                    f"what opens the position, got {tier.maintenance}"
                )
            if tier is not self.margin_tiers[0] and dec(tier.above, f"{self.symbol} tier above") <= above:
                raise ConfigError(f"{self.symbol} tier above: expected more than {above}, got {tier.above}")
            above, rate = tier.above, maintenance

    @cached_property
    def margin_tiers(self) -> tuple[MarginTier, ...]:
        """Its margin terms from the smallest position on."""
        first = MarginTier(above=Decimal(0), max_leverage=self.max_leverage, maintenance=self.maintenance)
        return (first, *self.tiers)

    @cached_property
    def key(self) -> str:
        """Its identity in a run: `binance:BTC/USDT`, or `binance/hedge:BTC/USDT` on a second account."""
        return f"{self.account_key}:{self.symbol}"

    @cached_property
    def account_key(self) -> str:
        """The account at a venue that it is traded on: `binance`, or `binance/hedge`."""
        return account_key(self.venue, self.account)

    @cached_property
    def base(self) -> str:
        return self.symbol.split("/")[0]

    @cached_property
    def quote(self) -> str:
        return self.symbol.split("/")[1].split(":")[0]

    @cached_property
    def kind(self) -> Kind:
        return Kind.PERPETUAL if ":" in self.symbol else Kind.SPOT

    @cached_property
    def is_spot(self) -> bool:
        return self.kind is Kind.SPOT

    @cached_property
    def cash_places(self) -> int:
        """Fine enough that price x quantity on tick and lot is exact in cash."""
        return max(
            CASH_PLACES, self.fee_places, places_of(self.tick) + places_of(self.lot) + places_of(self.contract_size)
        )

    def terms(self, cash_places: int) -> Terms:
        """The integers that the rule book works with, for cash in units of 10^-cash_places.

        Raises DataError where tick, lot or minimum is finer than the fixed precision.
        """
        contract_places = places_of(self.contract_size)
        contract = to_scaled(self.contract_size, contract_places)
        shift = cash_places - self.price_places - self.quantity_places - contract_places
        return Terms(
            tick=to_scaled(self.tick, self.price_places, f"{self.key} tick"),
            lot=to_scaled(self.lot, self.quantity_places, f"{self.key} lot"),
            min_quantity=to_scaled(self.min_quantity, self.quantity_places, f"{self.key} min_quantity"),
            min_notional=to_scaled(self.min_notional, cash_places, f"{self.key} min_notional"),
            multiplier=contract * 10 ** max(0, shift),
            divisor=10 ** max(0, -shift),
            cash_quantum=10 ** max(0, cash_places - self.fee_places),
            base_quantum=10 ** max(0, self.quantity_places - self.fee_places),
        )


def account_key(venue: str, account: str) -> str:
    """How an account at a venue is named in a run: by its venue alone where it is the main one."""
    return venue if account == "main" else f"{venue}/{account}"


class Terms(msgspec.Struct, frozen=True, gc=False):
    """An instrument's steps as scaled integers.

    Cash of price x quantity is `price * quantity * multiplier // divisor`; `cash_quantum` and
    `base_quantum` are the smallest fee in cash and in base.
    """

    tick: int
    lot: int
    min_quantity: int
    min_notional: int
    multiplier: int
    divisor: int
    cash_quantum: int
    base_quantum: int
