"""On living data a journal tells all: whatever record a run ended at, it goes on as if it had not."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from functools import cache

import msgspec
import pytest

from tests.runtime.runs import PROFILES, trio
from workbench.connectors.paper import LivePaperConnector
from workbench.connectors.profile import Profile
from workbench.core.errors import CorruptState
from workbench.core.events import (
    Arrived,
    Bar,
    BookUpdate,
    Consequence,
    Event,
    FillEvent,
    Flatten,
    Halt,
    LinkState,
    MarketDataEvent,
    MarketStale,
    OrderEvent,
    OrderReport,
    Quote,
    Rearm,
    RunStarted,
    TermsChanged,
    Timer,
    Trade,
    VenueLink,
)
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.risk.limits import Limits
from workbench.runtime.build import SIMULATED, replay, simulated_venue
from workbench.runtime.bus import MemoryBus
from workbench.runtime.executor import ConnectorExecutor
from workbench.runtime.plan import Plan, engine_of, from_entry, seat_of
from workbench.runtime.recovery import Replay
from workbench.runtime.session import Session, drive

LONG = bool(os.environ.get("WORKBENCH_LONG"))
BEGAN = 1_700_000_000 * 10**9
MINUTE = 60 * 10**9
LATE = 40_000_000  # how long after it happened an event is heard
BTC = Instrument(
    venue="binance",
    symbol="BTC/USDT",
    tick=Decimal("0.01"),
    lot=Decimal("0.00001"),
    fee_currency=FeeCurrency.RECEIVED,
)
ETH = msgspec.structs.replace(BTC, venue="okx", symbol="ETH/USDT")


def living(minutes: int = 60, seed: int = 3) -> list[Event]:
    """What two venues say in so many minutes, with commands, time and interruptions in between, as it came in."""
    chance, events = random.Random(seed), []
    prices = {BTC.key: 2_000_000, ETH.key: 150_000}
    numbers = dict.fromkeys(["binance", "okx", "operator", "clock"], 0)

    def stamp(source: str, at: int, heard: int) -> tuple[str, int, int, int]:
        numbers[source] += 1
        return source, numbers[source], at, heard

    for number in range(1, minutes + 1):
        for instrument in (BTC, ETH):
            opened = prices[instrument.key]
            path = [opened]
            for quarter in range(1, 4):
                at = BEGAN + (number - 1) * MINUTE + quarter * MINUTE // 4 + chance.randrange(10**9)
                path.append(max(1_000, path[-1] + chance.randrange(-opened // 200, opened // 200 + 1)))
                events.append(_tick(instrument, stamp(instrument.venue, at, at + LATE), path[-1], chance))
            prices[instrument.key] = path[-1]
            at = BEGAN + number * MINUTE
            figures = (MINUTE, opened, max(path), min(path), path[-1], chance.randrange(10**8, 10**10))
            events.append(Bar(*stamp(instrument.venue, at, at + LATE), instrument, *figures))
        events += _interlude(number, stamp, chance)
    return sorted(events, key=lambda each: each.ts_init)


def _tick(instrument: Instrument, stamp: tuple[str, int, int, int], price: int, chance: random.Random) -> Event:
    size = 10 ** (instrument.quantity_places - 1)
    kind = chance.randrange(3)
    if kind == 0:
        return Trade(*stamp, instrument, price, chance.randrange(1, 9) * size)
    if kind == 1:
        return Quote(*stamp, instrument, price - 5, price + 5, 3 * size, 2 * size)
    bids = tuple((price - step, size) for step in (5, 9, 30))
    asks = tuple((price + step, size) for step in (5, 11, 40))
    return BookUpdate(*stamp, instrument, bids, asks, True)


def _interlude(number: int, stamp: Callable[..., tuple[str, int, int, int]], chance: random.Random) -> list[Event]:
    now = BEGAN + number * MINUTE + 20 * 10**9 + chance.randrange(10**9)
    found: list[Event] = [Timer(*stamp("clock", now, now))]
    if number % 11 == 0:
        found.append(Flatten(*stamp("operator", now, now + 1), reason="a person said so"))
    if number % 17 == 0:
        found.append(Halt(*stamp("operator", now, now + 2), reason="a person said so"))
        found.append(Rearm(*stamp("operator", now, now + 9 * 10**9), reason="a person said so"))
    if number % 13 == 0:
        at = stamp("okx", now, now + 3)
        found.append(VenueLink(*at, venue="okx", state=LinkState.SYNCING, reason="lost"))
        found.append(MarketStale(*stamp("okx", now, now + 4), ETH, "lost"))
        found.append(VenueLink(*stamp("okx", now, now + 25 * 10**9), venue="okx", state=LinkState.UP))
    if number == 30:
        terms = {"tick": "0.05", "lot": "0.000001", "min_quantity": "0.000001", "min_notional": "5"}
        found.append(TermsChanged(*stamp("binance", now, now + 5), instrument=BTC, **terms))
    return found


def plan(profile: Profile) -> Plan:
    strategies = trio()
    keys = {"trend": BTC, "guarded": ETH, "maker": BTC, "faulty": ETH}
    return Plan(
        base_currency="USDT",
        instruments=(BTC, ETH),
        seats={name: seat_of(each, instruments=(keys[name].key,), cash="10000") for name, each in strategies.items()},
        limits=Limits(max_data_age_s=Decimal(90)),
        profile=profile,
        simulated=True,
    )


class Paper:
    """One process of a run over a feed: it begins, or goes on from what a journal tells."""

    def __init__(self, wanted: Plan, feed: Sequence[Event], before: Sequence[bytes] = ()) -> None:
        started = wanted.started("a run", BEGAN)
        self.journal = rewritten(before)
        self.engine = engine_of(started, from_entry)
        self._begin = 0
        self._feed = feed
        self.connector = LivePaperConnector(SIMULATED, self._rest(), simulated_venue(wanted), wanted.instruments)
        session = Session(
            self.engine,
            connector=self.connector,
            executor=ConnectorExecutor(dict.fromkeys(["binance", "okx"], self.connector)),
            journal=self.journal,
            bus=MemoryBus(),
        )
        if before:
            self._take_up(before)
        else:
            session.begin(started)
        drive(session.run())

    async def _rest(self) -> AsyncIterator[Event]:
        for event in self._feed[self._begin :]:
            yield event

    def _take_up(self, before: Sequence[bytes]) -> None:
        walk = Replay(self.engine, iter(()), connector=self.connector)
        walk.walk(JournalReader(rewritten(before)).records())
        if walk.missing:
            first, *rest = walk.missing
            self.journal.take(first, rest)
        known = {each.id for each in JournalReader(rewritten(before)).records() if _comes_in(each)}
        held = self.connector._held
        self._begin = len(known) + (held is not None and held.id not in known)

    @property
    def lines(self) -> list[bytes]:
        return list(JournalReader(self.journal).lines())


def rewritten(lines: Sequence[bytes]) -> Journal:
    journal = Journal.memory()
    for line in lines:
        journal._append(line)
    return journal


def _comes_in(event: Event) -> bool:
    return not isinstance(event, Consequence | Arrived | RunStarted)


@pytest.fixture(params=["plain", "latency", "thin"])
def profile(request: pytest.FixtureRequest) -> Profile:
    slow = Profile(name="latency", latency_ns=20 * 10**9)
    return {**PROFILES, "latency": slow}[request.param]


@cache
def papered(profile: Profile) -> Paper:
    """An hour that nothing interrupted."""
    return Paper(plan(profile), living())


def test_the_same_frames_lead_to_the_same_bytes(profile: Profile) -> None:
    first, second = papered(profile), Paper(plan(profile), living())
    assert first.journal.digest() == second.journal.digest()
    assert len(first.engine.ledger.fills) > 20
    orders = [each.order.role.value for each in first.engine.ledger.orders.values()]
    assert {"entry", "stop", "flatten"} <= set(orders)


def test_a_run_that_ended_at_any_record_goes_on_to_the_same_bytes(profile: Profile) -> None:
    wanted, feed = plan(profile), living(minutes=25)
    whole = Paper(wanted, feed).lines
    assert sum(b'"type":"Arrived"' in line for line in whole) > 15
    cuts = range(1, len(whole)) if LONG else _interesting(whole)
    for cut in cuts:
        again = Paper(wanted, feed, whole[:cut])
        assert again.lines == whole, f"cut after record {cut}: {whole[cut - 1][:200]!r}"


def _interesting(lines: Sequence[bytes]) -> list[int]:
    """Around what a market event led to, and here and there."""
    arrived = [number for number, line in enumerate(lines) if b'"type":"Arrived"' in line]
    near = [number + step for number in arrived[:: max(1, len(arrived) // 3)] for step in range(5)]
    return sorted({1, *near, *range(1, len(lines), max(1, len(lines) // 5))} & set(range(1, len(lines))))


def test_reports_come_before_the_event_that_caused_them_and_after_its_arrival(profile: Profile) -> None:
    records = list(JournalReader(papered(profile).journal).records())
    place = {each.id: number for number, each in enumerate(records)}
    fills = [each for each in records if isinstance(each, FillEvent)]
    assert len(fills) > 20
    for fill in fills:
        source, _, sequence = fill.cause.rpartition("/")
        assert place[f"arrived:{source}/{sequence}"] < place[fill.id] < place[fill.cause]
    quiet = {each.cause for each in records if isinstance(each, FillEvent | OrderReport)}
    arrived = [each for each in records if isinstance(each, Arrived)]
    assert len(arrived) < sum(isinstance(each, MarketDataEvent) for each in records)
    assert all(each.id.removeprefix("arrived:") in quiet or profile.latency_ns for each in arrived)


def test_nothing_is_filled_before_that_happened_which_it_follows_from(profile: Profile) -> None:
    paper = papered(profile)
    decided = {
        each.order_id: each.ts_event for each in JournalReader(paper.journal).records() if isinstance(each, OrderEvent)
    }
    for fill in paper.engine.ledger.fills:
        assert fill.ts_event >= decided[fill.order_id] - LATE + profile.latency_ns


def test_a_journal_of_living_data_replays_to_its_own_digest(profile: Profile) -> None:
    paper = papered(profile)
    engine, copy = replay(JournalReader(paper.journal), datasets={})
    assert (copy.digest(), engine.ledger.digest()) == (paper.journal.digest(), paper.engine.ledger.digest())


@pytest.mark.parametrize("lost", [b'"type":"Arrived"', b'"type":"FillEvent"', b'"type":"OrderReport"'])
def test_a_journal_that_does_not_tell_all_is_told_from_one_that_does(lost: bytes) -> None:
    wanted, feed = plan(Profile()), living(minutes=30)
    whole = Paper(wanted, feed).lines
    without = next(number for number, line in enumerate(whole) if lost in line)
    with pytest.raises(CorruptState, match="its replay gives"):
        Paper(wanted, feed, whole[:without] + whole[without + 1 :])


def test_the_simulated_venue_takes_orders_in_the_steps_that_were_announced() -> None:
    paper = papered(Profile())
    at = BEGAN + 31 * MINUTE
    later = [
        each.order
        for each in paper.engine.ledger.orders.values()
        if each.order.instrument.venue == "binance" and each.order.ts_event > at
    ]
    assert any(order.quantity % BTC.lot for order in later)
    assert not [each for each in paper.engine.ledger.orders.values() if "tick" in each.reason or "lot" in each.reason]
