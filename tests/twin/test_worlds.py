"""Worlds that trade besides the clients: named, paced, and going on after a restart."""

from __future__ import annotations

import gzip
from decimal import Decimal

import msgspec
import pytest

from workbench.core.clock import SECOND
from workbench.core.errors import ConfigError
from workbench.twin.exchange import Exchange
from workbench.twin.opening import LISTINGS
from workbench.twin.recorded import frames
from workbench.twin.worlds import PacedRecording, world_maker

BTC = "BTC/USDT"
THEN, NOW = 1_723_161_253 * SECOND, 1_800_000_000 * SECOND


def trade(number, after_ms, price):
    stamp = THEN // 1_000_000 + after_ms
    said = {"e": "trade", "E": stamp, "s": "BTCUSDT", "t": number, "p": price, "q": "0.01", "T": stamp, "m": False}
    return THEN + after_ms * 1_000_000, said


RECORDING = [
    (THEN, {"lastUpdateId": 1, "bids": [["60000", "1"]], "asks": [["60001", "1"]]}),
    trade(1, 1_000, "60001"),
    trade(2, 3_000, "60001"),
]


@pytest.mark.parametrize(("speed", "after"), [(1, [0, 1_000, 3_000]), (2, [0, 500, 1_500])])
def test_a_recording_happens_again_at_its_pace_on_the_exchanges_clock(speed, after):
    exchange = Exchange(LISTINGS)
    world = PacedRecording(exchange, iter(RECORDING), speed=speed)
    seen = []
    for ms in range(0, 4_000, 250):
        world.step(NOW + ms * 1_000_000)
        seen.append((ms, exchange.book(BTC).bids != (), len(exchange.prints(BTC))))
    assert [next(ms for ms, book, trades in seen if book and trades >= n) for n in range(3)] == after
    assert [each.at for each in exchange.prints(BTC)] == [NOW + ms * 1_000_000 for ms in after[1:]]


def test_a_recording_is_read_from_its_file(tmp_path):
    path = tmp_path / "recording.txt.gz"
    with gzip.open(path, "wb") as file:
        for at, message in RECORDING:
            file.write(b"%d %s\n" % (at, msgspec.json.encode(message)))
    exchange = Exchange(LISTINGS)
    world = world_maker(f"replay:{path}", seed=0, speed=1)(exchange)
    for ms in (0, 1_000, 3_000, 9_000):
        world.step(NOW + ms * 1_000_000)
    assert [each.price for each in exchange.prints(BTC)] == [Decimal(60_001)] * 2
    assert len(list(frames(path))) == 3


def test_a_synthetic_world_is_the_same_for_the_same_seed_and_goes_on_where_the_market_was():
    def digest(seed):
        exchange = Exchange(LISTINGS)
        world = world_maker("synthetic", seed=seed, speed=1)(exchange)
        for step in range(20):
            world.step(NOW + step)
        return exchange.digest(), exchange

    assert digest(1)[0] == digest(1)[0] != digest(2)[0]
    exchange = digest(1)[1]
    last = exchange.prints(BTC)[-1].price
    world_maker("synthetic", seed=1, speed=1)(exchange).step(NOW + 100)
    assert abs(exchange.book(BTC, 1).bids[0][0] - last) < 5


@pytest.mark.parametrize("name", ["flat", "synthetic:x", "replay:", "replay:/no/such/file"])
def test_a_world_nobody_knows_is_refused(name):
    with pytest.raises(ConfigError, match="world"):
        world_maker(name, seed=0, speed=1)
