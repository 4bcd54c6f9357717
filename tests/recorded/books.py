"""Order books of a recording, followed message by message as a venue's connector would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from tests.recorded.files import Line
from workbench.connectors.continuity import Continuity
from workbench.connectors.heard import Heard, HeardBook
from workbench.connectors.normalize import Normaliser, Numbering
from workbench.connectors.orderbook import BookState, OrderBook
from workbench.core.events import MarketStale
from workbench.core.instrument import Instrument

FINEST = Decimal("0.000000000001")  # finer than anything recorded, so that only nonsense is too fine
Top = tuple[tuple[int, int] | None, tuple[int, int] | None]


def normaliser(market_ids: Iterable[str], venue: str) -> Normaliser:
    """One that lists these markets, in steps of 10^-12."""
    listed = {
        market_id: Instrument(venue=venue, symbol=f"M{number}/QUOTE", tick=FINEST, lot=FINEST)
        for number, market_id in enumerate(sorted(set(market_ids)))
    }
    return Normaliser(listed, source=venue, numbering=Numbering())


def follow(heard: list[tuple[Line, Heard]], venue: str, continuity: Continuity) -> Iterator[tuple[HeardBook, Top]]:
    """Each message of a book and the best of both sides after it.

    Fails where a book breaks, crosses or says something that nobody believes.
    """
    told = [(line, word) for line, word in heard if isinstance(word, HeardBook)]
    believed = normaliser((word.market_id for _, word in told), venue)
    books = {market_id: OrderBook(market_id, believed, continuity) for market_id in believed.listed}
    for line, word in told:
        book = books[word.market_id]
        events = book.take(word, received=line.received, clock_offset_ns=0)
        assert not any(isinstance(event, MarketStale) for event in events), (word, events)
        assert book.state is BookState.LIVE, word
        bid, ask = book.best
        assert bid is None or ask is None or bid[0] < ask[0], word
        yield word, (bid, ask)
    assert believed.quarantine.total == 0, believed.quarantine.recent


def scaled(text: str) -> int:
    """Text in units of 10^-12."""
    units = Decimal(text or "0") / FINEST
    assert units == int(units)
    return int(units)
