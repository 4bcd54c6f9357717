"""A market that a venue lists no more, or lists in a way that nobody can read, is closed and holds up no other."""

from __future__ import annotations

import logging
from decimal import Decimal

import pytest

from tests.connectors.venue_bench import BTC, ETH, Bench, cancel, order
from workbench.connectors.dialects.binance import BinanceDialect
from workbench.connectors.dialects.generic import GenericDialect
from workbench.connectors.dialects.okx import OkxDialect
from workbench.connectors.dialects.reading import readable
from workbench.core.errors import ConfigError, DataError, VenueRejected
from workbench.core.instrument import Instrument
from workbench.core.ports import Outcome

STEPS = {"tick": Decimal("0.1"), "lot": Decimal("0.1")}


def delisted() -> Bench:
    bench = Bench(instruments={BTC.key: BTC, ETH.key: ETH})
    bench.dialect.listed = [each for each in bench.dialect.listed if each.instrument is not BTC]
    return bench


def test_a_recorded_instrument_that_is_not_listed_any_more_is_a_closed_market_and_can_be_subscribed_to():
    bench = delisted()

    async def work(venue):
        assert sorted(await venue.get_instruments()) == [BTC.key, ETH.key]
        await venue.subscribe_trades(BTC.symbol)
        await venue.subscribe_trades(ETH.symbol)
        assert await venue.fetch_bars(BTC.symbol, "1m", 0, 60 * 10**9) == []
        return await venue.place_order(order())

    result = bench.run(work)
    assert (result.outcome, bench.wire.calls("place")) == (Outcome.REJECTED, [])
    assert [each.market_id for each in bench.wire.topics if each.kind == "trades"] == ["ETHUSDT"]


def test_what_is_open_in_a_market_that_is_not_listed_any_more_is_found_and_taken_back():
    bench = delisted()

    async def work(venue):
        return await venue.cancel_order(cancel())

    assert bench.run(work).outcome is Outcome.ACCEPTED
    assert bench.venue._listings.by_market["BTCUSDT"] == BTC


def test_a_venue_that_forgot_a_delisted_market_has_no_trades_and_no_orders_there_and_others_refuse_aloud():
    bench = delisted()
    bench.wire.usual |= {"my_trades": (400, {}), "order": (400, {})}

    async def work(venue):
        assert await venue.get_my_trades(BTC.symbol, 0) == []
        with pytest.raises(VenueRejected):
            await venue.get_my_trades(ETH.symbol, 0)
        with pytest.raises(ConfigError):
            await venue.get_my_trades("DOGE/USDT", 0)

    bench.run(work)


@pytest.mark.parametrize(
    ("dialect", "symbol", "name"),
    [
        (BinanceDialect(), "BTC/USDT", "BTCUSDT"),
        (OkxDialect(), "BTC/USDT", "BTC-USDT"),
        (OkxDialect(), "BTC/USDT:USDT", "BTC-USDT-SWAP"),
        (GenericDialect("some"), "BTC/USDT", "BTC/USDT"),
    ],
)
def test_a_dialect_knows_what_its_venue_called_a_market(dialect, symbol, name):
    assert dialect.market_id(Instrument(venue="some", symbol=symbol, **STEPS)) == name


def test_one_row_that_cannot_be_read_is_left_out_and_told_of_and_none_that_can_is_an_error(caplog):
    def read(row):
        if row < 0:
            raise DataError(f"row {row}")
        return row or None

    with caplog.at_level(logging.WARNING):
        assert readable("some", [1, -2, 0, 3, -4], read) == [1, 3]
    assert "2 of 5 rows are left out, the first: row -2" in caplog.text
    with pytest.raises(DataError, match="row -2"):
        readable("some", [-2, 0], read)
    assert readable("some", [0], read) == []
