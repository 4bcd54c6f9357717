"""Bitfinex as it was recorded: numbered messages on numbered channels, and pages of candles."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pyarrow.parquet as parquet

from tests.recorded.books import follow, normaliser
from tests.recorded.files import ROOT, Line, frames, lines, parse, recorded
from workbench.connectors.continuity import CONTINUITY
from workbench.connectors.dialects.bitfinex_market import BitfinexMarket, read_bars
from workbench.connectors.heard import Heard, HeardEnd, HeardTrade
from workbench.core.clock import MINUTE

pytestmark = recorded

PAGES = "rest/bitfinex_BTCUSD_1m_rest_pages.jsonl.gz"
LATER = 2_000_000_000 * 10**9


@cache
def heard() -> list[tuple[Line, Heard]]:
    ears = BitfinexMarket()
    return [(line, word) for line in frames("BITFINEX") for word in ears.hear(line.message)]


def kind(message) -> str:
    """An event's name, `hb`, or how many numbers a channel's message holds."""
    if isinstance(message, dict):
        return message["event"]
    return "hb" if message[1] == "hb" else f"{len(message[1])} numbers"


def test_every_frame_is_heard_or_of_a_kind_that_says_nothing():
    ears = BitfinexMarket()
    silent = Counter(kind(line.message) for line in frames("BITFINEX") if not list(ears.hear(line.message)))
    assert silent == {"info": 1, "conf": 1, "subscribed": 21, "hb": 42, "10 numbers": 21}
    assert Counter(type(word).__name__ for _, word in heard()) == {"HeardBook": 1_600, "HeardTrade": 210}


def test_1670_messages_are_numbered_without_gap_so_that_nothing_ends():
    numbers = [line.message[-1] for line in frames("BITFINEX") if isinstance(line.message, list)]
    assert numbers == list(range(1, 1_671))
    assert not any(isinstance(word, HeardEnd) for _, word in heard())


def test_a_lost_message_of_any_channel_ends_the_connection():
    for lost in (60, 127, 1_000):
        ears = BitfinexMarket()
        told = [line.message for line in frames("BITFINEX")]
        kept = [message for message in told if isinstance(message, dict) or message[-1] != lost]
        ends = [word for message in kept for word in ears.hear(message) if isinstance(word, HeardEnd)]
        assert ends == [HeardEnd(reason=f"message {lost + 1} came after {lost - 1}")]


def test_seven_books_are_followed_and_never_cross():
    tops = list(follow(heard(), "bitfinex", CONTINUITY["bitfinex"]))
    assert Counter(word.snapshot for word, _ in tops) == {True: 7, False: 1_593}
    assert all(bid and ask for _, (bid, ask) in tops)


def test_the_first_trades_come_oldest_first_and_are_believed():
    believed = normaliser((word.market_id for _, word in heard()), "bitfinex")
    sides = Counter()
    for line, word in heard():
        if isinstance(word, HeardTrade):
            assert believed.take(word, received=line.received, clock_offset_ns=0), believed.quarantine.recent
            sides[word.aggressor] += 1
    assert believed.quarantine.total == 0
    assert len(sides) == 2


def test_a_tickers_sizes_are_not_those_of_the_best_prices():
    tops = {word.market_id: top for word, top in follow(heard(), "bitfinex", CONTINUITY["bitfinex"])}
    bid, ask = tops["tBFTUSD"]
    [first, *_] = [line.message[1] for line in frames("BITFINEX") if kind(line.message) == "10 numbers"]
    assert float(first[1]) > 5 * bid[1] / 10**12
    assert float(first[3]) > 5 * ask[1] / 10**12


def test_every_page_of_candles_is_read_and_equals_the_candles_of_the_same_minutes():
    bars = [bar for page in map(parse, lines(PAGES)) for bar in read(page["body"])]
    assert len(list(lines(PAGES))) == 108
    assert [bar.start for bar in bars] == sorted({bar.start for bar in bars})
    table = parquet.read_table(ROOT / "candles/bitfinex_spot_BTCUSD_1m.parquet").slice(0, 15_000).to_pylist()
    stamps = {row["time_ms"] * 10**6: row for row in table}
    for bar in bars:
        row = stamps[bar.start]
        said = (bar.open, bar.close, bar.high, bar.low, bar.volume)
        assert said == tuple(row[name] for name in ("open", "close", "high", "low", "volume")), bar
        assert bar.closed


def read(body: str):
    return read_bars(parse(body), "tBTCUSD", interval_ns=MINUTE, now=LATER)
