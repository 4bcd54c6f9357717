import os
from pathlib import Path

import pytest

from tests.twin.trading_day import BTC, LISTINGS, NOW, PERP, RICH, SECOND, D, current, place
from workbench.core.errors import ConfigError, DataError
from workbench.twin.exchange import Exchange
from workbench.twin.recorded import CROWD, RecordedWorld, frames
from workbench.twin.words import Book, Print, State
from workbench.twin.world import MAKER, Rates, SyntheticWorld

RECORDING = Path(os.environ.get("WORKBENCH_RECORDED_DATA", "absent")) / "l2/binance_spot_btcusdt_20240808.txt.gz"
SNAPSHOT = {"lastUpdateId": 10, "bids": [["99", "1"], ["98", "2"]], "asks": [["101", "1"], ["102", "2"]]}


def lived(seed=7, steps=50, **options):
    exchange = Exchange(LISTINGS)
    world = SyntheticWorld(exchange, symbols=[BTC, PERP], seed=seed, price=D(50_000), **options)
    for step in range(steps):
        world.step(NOW + step * SECOND)
    return exchange


def test_a_synthetic_world_keeps_a_book_and_trades():
    exchange = lived()
    for symbol in (BTC, PERP):
        book = exchange.book(symbol)
        assert len(book.bids) == len(book.asks) == 10
        assert book.bids[0][0] < book.asks[0][0]
        assert len(exchange.prints(symbol)) > 20
    assert len({each.price for each in exchange.prints(BTC)}) > 5
    assert exchange.mark_price(PERP) != 50_000


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    assert lived().digest() == lived().digest()
    assert lived().digest() != lived(seed=8).digest()


def test_a_world_without_takers_does_not_trade():
    exchange = lived(rates=Rates(taking=0, wander=0))
    assert exchange.prints(BTC) == []
    assert len(exchange.open_orders(MAKER, BTC)) == 20


def test_a_world_goes_on_with_a_recovered_exchange(tmp_path):
    exchange = Exchange(LISTINGS, journal=tmp_path / "journal")
    SyntheticWorld(exchange, symbols=[BTC], seed=1, price=D(50_000)).step(NOW)
    exchange.close()
    recovered = Exchange.recovered(LISTINGS, tmp_path / "journal")
    SyntheticWorld(recovered, symbols=[BTC], seed=1, price=D(50_000)).step(NOW + 1)
    assert len(recovered.open_orders(MAKER, BTC)) >= 18


def test_a_world_needs_a_listing():
    with pytest.raises(ConfigError, match="no listing for ETH/USDT"):
        SyntheticWorld(Exchange(LISTINGS), symbols=["ETH/USDT"], seed=1, price=D(1))


def depth(update_id, bids=(), asks=(), at=1):
    return {"e": "depthUpdate", "E": at, "U": update_id, "u": update_id, "b": list(bids), "a": list(asks)}


def trade(price, quantity, *, buyer_is_maker, at=2):
    return {"e": "trade", "T": at, "p": price, "q": quantity, "m": buyer_is_maker}


def replaying(*messages):
    exchange = Exchange(LISTINGS)
    exchange.open_account("alice", RICH, now=NOW)
    return exchange, RecordedWorld(exchange, symbol=BTC, frames=[(NOW + n, each) for n, each in enumerate(messages)])


def tops(book: Book):
    return [[(int(price), quantity) for price, quantity in side] for side in (book.bids, book.asks)]


def test_the_crowd_follows_the_recorded_levels():
    exchange, world = replaying(
        depth(9, bids=[["97", "5"]]), SNAPSHOT, depth(11, bids=[["99", "3"], ["98", "0"]], asks=[["101", "0.5"]])
    )
    while world.step() is not None:
        pass
    assert tops(exchange.book(BTC)) == [[(99, 3)], [(101, D("0.5")), (102, 2)]]


def test_what_the_crowd_adds_stands_behind_a_client():
    exchange, world = replaying(
        SNAPSHOT,
        depth(11, bids=[["99", "3"]]),
        trade("99", "1.5", buyer_is_maker=True),
        trade("99", "0.6", buyer_is_maker=True),
    )
    world.step()
    order = place(exchange, "alice", "BUY", "1", "99")
    world.step()
    assert exchange.book(BTC).bids[0] == (D(99), D(4))
    world.step()
    assert current(exchange, order).filled == D("0.5")  # one of the crowd stood before it
    world.step()
    assert current(exchange, order).state is State.FILLED


def test_what_the_crowd_takes_away_comes_off_its_newest_orders():
    exchange, world = replaying(
        SNAPSHOT,
        depth(11, bids=[["99", "3"]]),
        depth(12, bids=[["99", "1"]]),
        trade("99", "1", buyer_is_maker=True),
    )
    world.step()
    order = place(exchange, "alice", "BUY", "1", "99")
    while world.step() is not None:
        pass
    assert current(exchange, order).filled == 0  # the one of the crowd that stood before it was still there


def test_a_market_that_moves_through_a_client_fills_it():
    exchange, world = replaying(SNAPSHOT, depth(11, asks=[["99.50", "2"]]))
    world.step()
    order = place(exchange, "alice", "BUY", "1", "99.70")
    world.step()
    assert current(exchange, order).state is State.FILLED
    assert exchange.book(BTC).asks[0] == (D("99.5"), D(1))


def test_recorded_trades_happen_at_their_price_even_before_the_depth_tells_of_it():
    exchange, world = replaying(SNAPSHOT, trade("102", "2.5", buyer_is_maker=False))
    world.step()
    world.step()
    assert sum(each.quantity for each in exchange.prints(BTC)) == D("2.5")
    assert {each.price for each in exchange.prints(BTC)} == {102}
    assert not any(each.buyer_is_maker for each in exchange.prints(BTC))


def test_a_trade_that_the_depth_told_of_already_leaves_the_levels():
    exchange, world = replaying(
        SNAPSHOT, depth(11, asks=[["101", "0.4"]], at=5), trade("101", "0.6", buyer_is_maker=False)
    )
    while world.step() is not None:
        pass
    assert exchange.book(BTC).asks[0] == (D(101), D("0.4"))


def test_a_message_of_another_venue_is_named():
    _, world = replaying(SNAPSHOT, {"e": "trade", "price": "1"})
    world.step()
    with pytest.raises(DataError, match="not a message of this venue"):
        world.step()


def test_a_line_that_is_no_frame_is_named(tmp_path):
    (tmp_path / "recording.txt").write_bytes(b'1 {"stream": "x", "data": {"e": "trade"}}\nnonsense\n')
    read = frames(tmp_path / "recording.txt")
    assert next(read) == (1, {"e": "trade"})
    with pytest.raises(DataError, match=r"recording.txt:2"):
        next(read)


@pytest.mark.skipif(not RECORDING.exists(), reason="needs the recorded market data")
def test_the_best_levels_of_a_replayed_day_are_those_of_the_venue():
    recorded = [frame for _, frame in zip(range(3_000), frames(RECORDING), strict=False)]
    best = {message["u"]: message for _, message in recorded if "A" in message}
    exchange, prints, compared = Exchange(LISTINGS), [], 0
    exchange.listen(lambda event: prints.append(event) if isinstance(event, Print) else None)
    world = RecordedWorld(exchange, symbol=BTC, frames=recorded)
    begun = False
    for _, message in recorded:
        world.step()
        begun = begun or "lastUpdateId" in message
        venue = best.get(message["u"]) if begun and message.get("e") == "depthUpdate" else None
        if venue is not None:
            book = exchange.book(BTC, 1)
            assert book.bids == ((D(venue["b"]), D(venue["B"])),)
            assert book.asks == ((D(venue["a"]), D(venue["A"])),)
            compared += 1
    start = next(n for n, (_, message) in enumerate(recorded) if "lastUpdateId" in message)
    trades = [message for _, message in recorded[start:] if message.get("e") == "trade"]
    assert compared > 20
    assert sum(each.quantity for each in prints) == sum(D(each["q"]) for each in trades)
    assert exchange.open_orders(CROWD)
