"""Keys, clocks, fees and balances as the real ccxt client meets them on the local exchange."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt
import pytest

from tests.twin.clients import play, trading, until
from tests.twin.crowd import rival
from workbench.core.clock import SECOND
from workbench.twin.keys import Permission
from workbench.twin.opening import Opening
from workbench.twin.server import LocalExchange

BTC = "BTC/USDT"
PURSE = {"USDT": Decimal(100_000), "BTC": Decimal(1), "BNB": Decimal(5)}


def same_as_truth(balance, truth):
    told = {each["asset"]: (Decimal(each["free"]), Decimal(each["locked"])) for each in balance["info"]["balances"]}
    return told == {each.asset: (each.free, each.locked) for each in truth.balances}


def test_the_balance_is_the_exchanges_own_with_what_orders_lock():
    async def scene(twin, client):
        await client.create_order(BTC, "limit", "buy", "0.1", "50000")
        balance = await client.fetch_balance()
        assert same_as_truth(balance, twin.truth())
        assert balance["used"]["USDT"] == "5000.00000000"

    play(scene)


def test_fees_are_paid_in_bnb_with_a_discount_where_the_account_wants_that():
    async def scene(twin, client):
        rival(twin, "SELL", "1", "600", symbol="BNB/USDT")
        rival(twin, "BUY", "0.5", symbol="BNB/USDT")  # what a BNB is worth
        rival(twin, "SELL", "1", "60000")
        order = await client.create_order(BTC, "market", "buy", "0.1")
        [fill] = order["trades"]
        assert fill["fee"]["currency"] == "BNB"
        assert Decimal(fill["fee"]["cost"]) == Decimal(6000) * Decimal("0.001") * Decimal("0.75") / 600
        assert same_as_truth(await client.fetch_balance(), twin.truth())

    play(scene, accounts=[Opening(balances=PURSE, bnb_fees=True)])


def test_a_transfer_from_outside_is_heard_and_shown():
    async def scene(twin, client):
        heard = asyncio.create_task(client.watch_balance())
        await asyncio.sleep(0.2)
        twin.exchange.transfer("main", "BTC", Decimal("0.5"), twin.clock.now())
        await heard
        await until(lambda: client.balance["spot"]["BTC"]["free"] == "5.50000000", "the deposit")
        assert same_as_truth(await client.fetch_balance(), twin.truth())

    play(scene)


@pytest.mark.parametrize(
    ("skew_s", "words"), [(30, "outside of the recvWindow"), (-30, "1000ms ahead of the server's time")]
)
def test_a_client_whose_clock_is_wrong_is_refused_until_it_learns_the_difference(skew_s, words):
    async def scene(twin, client):
        twin.clock.skew_ns = skew_s * SECOND
        with pytest.raises(ccxt.InvalidNonce, match=words):
            await client.create_order(BTC, "limit", "buy", "0.01", "50000")
        assert twin.truth().orders == ()
        await client.load_time_difference()
        await client.create_order(BTC, "limit", "buy", "0.01", "50000")
        assert len(twin.truth().orders) == 1

    play(scene)


def test_a_drifting_clock_gains_with_time():
    async def scene(twin, client):
        twin.clock.drift_ppm = 1_000_000
        before = int((await client.public_get_time())["serverTime"])
        await asyncio.sleep(0.2)
        gained = int((await client.public_get_time())["serverTime"]) - before
        assert gained >= 400

    play(scene)


def test_a_revoked_key_can_do_nothing_and_nothing_of_it_happens():
    async def scene(twin, client):
        twin.keys.revoke("twin-key")
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            await client.create_order(BTC, "limit", "buy", "0.01", "50000")
        assert twin.truth().orders == ()
        twin.keys.restore("twin-key")
        await client.create_order(BTC, "limit", "buy", "0.01", "50000")

    play(scene)


@pytest.mark.parametrize("how", [{"permissions": frozenset({Permission.READ})}, {"addresses": ("10.1.2.3",)}])
def test_a_restricted_key_is_refused_for_what_it_may_not_do(how):
    async def scene(twin, client):
        twin.keys.restrict("twin-key", **how)
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            await client.create_order(BTC, "limit", "buy", "0.01", "50000")
        if "permissions" in how:
            told = await client.sapi_get_account_apirestrictions()
            assert (told["enableReading"], told["enableSpotAndMarginTrading"]) == (True, False)
            assert (told["enableWithdrawals"], told["ipRestrict"]) == (False, False)

    play(scene)


def test_a_wrong_secret_and_a_malformed_key_are_told_apart():
    async def scene(twin, client):
        async with trading(twin, secret="wrong") as other:
            with pytest.raises(ccxt.AuthenticationError, match="-1022"):
                await other.fetch_balance()
        async with trading(twin, key="no key!") as other:
            with pytest.raises(ccxt.AuthenticationError, match="-2014"):
                await other.fetch_balance()

    play(scene)


def test_accounts_see_their_own_orders_only():
    async def scene():
        two = [Opening(balances=PURSE), Opening(name="other", balances=PURSE, key="other-key")]
        async with LocalExchange(accounts=two) as twin, trading(twin) as one, trading(twin, key="other-key") as other:
            order = await one.create_order(BTC, "limit", "buy", "0.01", "50000")
            assert await other.fetch_open_orders(BTC) == []
            with pytest.raises(ccxt.OrderNotFound):
                await other.cancel_order(order["id"], BTC)
            assert len(twin.truth("main").orders) == 1
            assert twin.truth("other").orders == ()

    asyncio.run(scene())


def test_a_client_loads_markets_with_all_its_usual_calls():
    async def scene(twin, client):
        client.options |= {"fetchMargins": True, "fetchCurrencies": True}
        markets = await client.load_markets(True)
        assert list(markets) == ["BTC/USDT", "ETH/USDT", "BNB/USDT"]
        listing = twin.exchange.listings[BTC]
        assert Decimal(markets[BTC]["precision"]["price"]) == listing.tick
        assert Decimal(markets[BTC]["limits"]["cost"]["min"]) == listing.min_notional
        assert (await client.private_get_account_commission({"symbol": "BTCUSDT"}))["standardCommission"][
            "maker"
        ] == "0.00100000"

    play(scene)
