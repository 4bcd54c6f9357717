"""OKX v5's listings: spot, and perpetuals that are settled in what their price is quoted in."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from workbench.connectors.dialect import Listed
from workbench.connectors.dialects.okx_words import Terms, given, rows, taken
from workbench.connectors.dialects.reading import readable
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.core.errors import DataError, WorkbenchError
from workbench.core.instrument import CASH_PLACES, FeeCurrency, Instrument, MarginTier
from workbench.core.money import canonical, dec, places_of, to_decimal, to_scaled

FEE_PLACES = 16  # the finest that OKX writes of what was charged or paid
PRICE_PLACES = 10  # the finest ticks there are; a tick may become finer while we hold a position

LISTINGS = tuple(
    Call(
        endpoint="publicGetPublicInstruments",
        params={"instType": kind},
        urgency=Urgency.MARKET,
        timeout_s=30,
    )
    for kind in ("SPOT", "SWAP")
)

# Maintenance margin by the leverage that a perpetual is listed with, as OKX's own tables begin; the first that fits.
_MAINTENANCE: Sequence[tuple[int, Decimal]] = (
    (100, Decimal("0.004")),
    (75, Decimal("0.005")),
    (50, Decimal("0.01")),
    (20, Decimal("0.02")),
    (1, Decimal("0.05")),
)
# Beyond so much worth a larger position gets half the leverage, and needs twice the margin, of the step before: OKX
# has a table for each market, which changes; these steps are taken to be no kinder than any of them.
_STEPS = (Decimal(1_000_000), Decimal(5_000_000), Decimal(20_000_000))


def read_listings(answers: Sequence[Answer], venue: str, account: str) -> list[Listed]:
    """What trades, or is about to trade again; raises DataError naming a market where none can be read."""
    found = [each for answer in answers for each in rows(answer, dict)]
    return readable("okx", found, lambda each: _ours(taken(each, Terms), venue=venue, account=account))


def _ours(terms: Terms, *, venue: str, account: str) -> Listed | None:
    return _listed(terms, venue=venue, account=account) if _tradable(terms) else None


def _tradable(terms: Terms) -> bool:
    """Whether we can trade it: an inverse contract, or one settled in a third currency, is none of ours."""
    if terms.state not in ("live", "suspend"):
        return False
    base, _, quote = terms.uly.partition("-")
    linear = terms.ct_type == "linear" and terms.settle_ccy == quote and terms.ct_val_ccy == base
    return terms.inst_type == "SPOT" or (terms.inst_type == "SWAP" and linear)


def _listed(terms: Terms, *, venue: str, account: str) -> Listed:
    try:
        tick, lot = _step(terms.tick_sz, "tickSz"), _step(terms.lot_sz, "lotSz")
        instrument = Instrument(
            venue=venue,
            account=account,
            tick=tick,
            lot=lot,
            min_quantity=_step(terms.min_sz, "minSz"),
            price_places=max(PRICE_PLACES, places_of(tick)),
            fee_places=FEE_PLACES,
            **(_spot(terms) if terms.inst_type == "SPOT" else _perpetual(terms, lot)),
        )
    except WorkbenchError as error:
        raise DataError(f"okx {terms.inst_id}: {error}") from None
    return Listed(
        instrument=instrument,
        market_id=terms.inst_id,
        open=terms.state == "live",
        max_quantity=_limit(terms.max_lmt_sz),
        max_market_quantity=None if instrument.is_spot else _limit(terms.max_mkt_sz),  # on spot it counts dollars
    )


def _spot(terms: Terms) -> dict[str, Any]:
    return {"symbol": f"{terms.base_ccy}/{terms.quote_ccy}", "fee_currency": FeeCurrency.RECEIVED}


def _perpetual(terms: Terms, lot: Decimal) -> dict[str, Any]:
    base, _, quote = terms.uly.partition("-")
    leverage = max(1, int(dec(terms.lever or "1", "lever")))
    maintenance = next(rate for least, rate in _MAINTENANCE if leverage >= least)
    return {
        "symbol": f"{base}/{quote}:{terms.settle_ccy}",
        "contract_size": _product(terms.ct_val, terms.ct_mult or "1"),
        "quantity_places": max(CASH_PLACES, places_of(lot)),
        "max_leverage": leverage,
        "maintenance": maintenance,
        "tiers": _tiers(leverage, maintenance),
    }


def _tiers(leverage: int, maintenance: Decimal) -> tuple[MarginTier, ...]:
    found = []
    for step, above in enumerate(_STEPS, start=1):
        share = 2**step
        if leverage // share < 1:
            break
        found.append(MarginTier(above=above, max_leverage=leverage // share, maintenance=_times(maintenance, share)))
    return tuple(found)


def _times(rate: Decimal, times: int) -> Decimal:
    places = places_of(rate)
    return to_decimal(to_scaled(rate, places) * times, places)


def _product(one: str, other: str) -> Decimal:
    first, second = dec(one, "ctVal"), dec(other, "ctMult")
    places = places_of(first), places_of(second)
    return to_decimal(to_scaled(first, places[0]) * to_scaled(second, places[1]), sum(places))


def _step(number: str, name: str) -> Decimal:
    return Decimal(canonical(dec(number, name)))


def _limit(number: str) -> Decimal | None:
    return None if given(number) is None else _step(number, "limit")
