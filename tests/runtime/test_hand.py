"""Trading by hand on an exchange of one's own: what is asked for is held, and no other machine is reached."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from tests.trading.trading_bench import SPOT, Bench, exactly
from workbench.core.errors import ConfigError, Refused
from workbench.core.secret import Credentials, Secret
from workbench.runtime.hand import Hand
from workbench.twin.server import LocalExchange


def test_what_is_asked_for_is_held_and_the_ledger_is_the_exchanges():
    async def day():
        async with LocalExchange(world="synthetic", seed=5) as twin:
            async with Hand.at(twin) as hand:
                bought = await hand.hold("BTC/USDT", quantity="0.02", seconds=30)
                resting = await hand.hold("BTC/USDT", quantity="0.03", limit="50000", seconds=2)
                ledger = hand.run.engine.ledger
            return bought, resting, ledger, twin.truth()

    bought, resting, ledger, truth = asyncio.run(day())
    assert [(each["side"], each["filled"], each["status"]) for each in bought] == [("buy", "0.02", "filled")]
    assert resting[-1]["status"] == "acknowledged"
    assert {(each.trade_id, each.quantity, each.fee) for each in ledger.fills} == {
        (str(each.print.trade_id), each.print.quantity, each.commission) for each in truth.trades
    }
    assert [each.state for each in truth.orders] == ["FILLED", "CANCELED"]  # what rested was taken back at the end
    assert sum(each.quantity for each in ledger.fills) == Decimal("0.02")


@pytest.mark.parametrize("url", ["https://api.binance.com", "http://127.0.0.1.example.com:80", None])
def test_nothing_outside_this_machine_is_traded_by_hand(url):
    venue = {"connector": "ccxt", "rest_url": url, "stream_url": "ws://127.0.0.1:1"}
    with pytest.raises(Refused, match="only exchanges on this machine"):
        Hand({"venues": {"binance": venue}}, keys=Credentials(Secret("k"), Secret("s")))


def test_a_hand_that_is_not_open_says_so():
    twin = LocalExchange(port=1)
    with pytest.raises(ConfigError, match="not open"):
        Hand.at(twin).orders()


def test_a_start_that_was_refused_leaves_nothing_in_the_way_of_the_next(tmp_path):
    async def day():
        async with LocalExchange(world="synthetic", seed=5) as twin:
            wrong = Hand.at(twin, state=tmp_path)
            wrong._keys = Credentials(Secret("nobody"), Secret("knows"))
            with pytest.raises(Refused):
                await wrong.open()
            async with Hand.at(twin, state=tmp_path) as hand:
                return hand.status()["state"]

    assert asyncio.run(day()) == "ready"


def test_a_symbol_traded_at_two_venues_means_the_one_that_was_just_heard():
    bench = Bench(SPOT, msgspec.structs.replace(SPOT, account="hedge"))
    bench.say(exactly("2"))
    assert [each.order.instrument.key for each in bench.sent] == [SPOT.key]
    bench.bar(instrument=bench.instruments[1])
    assert [each.order.instrument.key for each in bench.sent] == [bench.instruments[1].key]
    assert bench.engine.gate.locked == {}
