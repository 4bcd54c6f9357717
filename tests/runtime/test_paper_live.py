"""Paper on living data: what it hears is a venue's, what it trades on is simulated, and no key is ever sent."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from tests.faults.virtual import VirtualClock, virtually
from workbench.core.codec import to_plain
from workbench.core.errors import ConfigError, Refused
from workbench.core.events import (
    Bar,
    BookUpdate,
    Consequence,
    Event,
    FillEvent,
    LinkState,
    MarketDataEvent,
    MarketStale,
    OrderEvent,
    Quote,
    RunStarted,
    SignalEvent,
    TermsChanged,
    Trade,
    VenueLink,
)
from workbench.core.instrument import Instrument
from workbench.core.ports import ExchangeConnector, Permissions
from workbench.data.dataset import BARS, Provenance, make_dataset
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.runtime.build import backtest_session, data_range, replay
from workbench.runtime.config import Config
from workbench.runtime.paper_live import LivePaperRun
from workbench.runtime.plan import Plan, from_entry
from workbench.runtime.session import drive
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import Reach, VenueSettings, reaches
from workbench.twin.exchange import Exchange
from workbench.twin.keys import Keys
from workbench.twin.opening import LISTINGS
from workbench.twin.server import LocalExchange
from workbench.twin.sockets import Timing
from workbench.twin.world import Rates, SyntheticWorld

RELEASES = Path("config/releases")
BTC = "BTC/USDT"
PATIENCE_S = 60.0  # of virtual time
HAND = "workbench.strategies.manual:ManualTarget"
SMA = "workbench.strategies.sma_cross:SmaCross"


class Asked(Keys):
    """Keys that remember which were presented."""

    def __init__(self) -> None:
        super().__init__()
        self.presented: list[str] = []

    def find(self, text: str) -> Any:
        self.presented.append(text)
        return super().find(text)


class Paper:
    """A run in a state directory, on local exchanges in the same loop; `start` may be called again after `stop`."""

    def __init__(self, folder: Path, twins: Mapping[str, LocalExchange], clock: VirtualClock, **config: Any) -> None:
        self.twins, self.clock = twins, clock
        self.targets = folder / "targets.json"
        self.state = StateFolder(folder / "state")
        self.config = Config.model_validate({"venues": {name: venue(twin) for name, twin in twins.items()}, **config})
        self.run: LivePaperRun
        self._running: asyncio.Task[None]

    def wish(self, **targets: str) -> None:
        self.targets.write_text(json.dumps({symbol.replace("_", "/"): each for symbol, each in targets.items()}))

    async def start(self) -> None:
        self.run = LivePaperRun(self.config, self.state, connect=self._connect, releases=RELEASES, clock=self.clock)
        self._running = asyncio.create_task(self.run.run())

    def _connect(self, config: Config, recorded: Plan | None) -> list[Reach]:
        known = recorded.instruments if recorded else ()
        return reaches(config, clock=self.clock, folder=self.state.path, orders=False, instruments=known)

    async def stop(self) -> None:
        self.run.inbox.stop()
        await self._running

    async def until(self, holds: Callable[[], Any], what: str) -> None:
        deadline = self.clock.now() + PATIENCE_S * 10**9
        while not holds():
            if self._running.done():
                self._running.result()
            assert self.clock.now() < deadline, f"never: {what}"
            await asyncio.sleep(0.05)

    async def ready(self) -> None:
        await self.until(lambda: self.run.engine and self.run.status()["state"] == "ready", "ready")

    @property
    def fills(self) -> list[FillEvent]:
        assert self.run.engine is not None
        return self.run.engine.ledger.fills

    @property
    def records(self) -> list[Event]:
        return list(JournalReader(self.state.journal).records())  # type: ignore[arg-type]

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.records if isinstance(each, kind)]

    def check(self) -> None:
        """The journal verifies, replays to itself, and tells the ledger that the run had."""
        reader = JournalReader(self.state.journal)
        engine, copy = replay(reader, datasets={})
        assert self.run.engine is not None
        assert copy.digest() == reader.verify().digest
        assert engine.ledger.digest() == self.run.engine.ledger.digest()
        for twin in self.twins.values():
            assert twin.truth().orders == ()


def small_world(exchange: Exchange) -> SyntheticWorld:
    """One symbol at a quiet pace."""
    rates = Rates(levels=4, takers=1, lots=100_000)
    return SyntheticWorld(exchange, symbols=[BTC], seed=7, price=Decimal(60_000), rates=rates)


def venue(twin: LocalExchange) -> dict[str, Any]:
    urls = {"rest_url": twin.rest_url, "stream_url": twin.stream_url}
    return {"connector": "ccxt", "exchange": "binance", "credentials": "secret://env/NOBODY_SET_THIS", **urls}


def hand(folder: Path, symbols: Sequence[str] = (BTC,), on: Sequence[str] = ("quotes",)) -> dict[str, Any]:
    parameters = {"path": str(folder / "targets.json")}
    return {"id": "hand", "strategy": HAND, "symbols": list(symbols), "parameters": parameters, "on": list(on)}


@asynccontextmanager
async def papering(folder: Path, names: Sequence[str] = ("binance",), **config: Any) -> AsyncIterator[Paper]:
    clock = VirtualClock()
    quiet = {"listings": LISTINGS[:1], "world": small_world, "timing": Timing(world_s=0.2)}
    twins = {name: LocalExchange(clock=clock, **quiet) for name in names}
    for each in twins.values():
        keys = Asked()
        keys._keys = each.keys._keys
        each.keys = each._floor.keys = keys
        await each.open()
    paper = Paper(folder, twins, clock, **({"strategies": [hand(folder)]} | config))
    paper.wish()
    try:
        yield paper
    finally:
        if hasattr(paper, "_running") and not paper._running.done():
            paper._running.cancel()
            await asyncio.gather(paper._running, return_exceptions=True)
        for each in twins.values():
            await each.close()


def test_it_trades_on_what_a_venue_says_without_ever_showing_a_key(tmp_path: Path) -> None:
    async def scene() -> None:
        topics = ("quotes", "trades", "book:20", "bars:1s")
        async with papering(tmp_path, strategies=[hand(tmp_path, on=topics)]) as paper:
            paper.wish(BTC_USDT="0.3")
            await paper.start()
            await paper.until(lambda: paper.run.engine and paper.fills, "a fill")
            status = paper.run.status()
            assert (status["mode"], status["venue"]["binance"]["connected"]) == ("paper", True)
            await asyncio.sleep(3)
            paper.wish(BTC_USDT="0")
            await paper.until(lambda: paper.run.status()["positions"]["binance:BTC/USDT"] != "0", "bought")
            await asyncio.sleep(3)
            await paper.stop()
            paper.check()
            heard = {type(each) for each in paper.records if isinstance(each, MarketDataEvent)}
            assert {Quote, Trade, BookUpdate, Bar} <= heard
            assert {each.side.value for each in paper.fills} == {"buy", "sell"}
            assert set(paper.twins["binance"].keys.presented) == {""}

    virtually(scene)


def test_it_goes_on_where_it_was_and_asks_for_the_bars_it_missed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with papering(tmp_path, strategies=[hand(tmp_path, on=("quotes", "bars:1s"))]) as paper:
            paper.wish(BTC_USDT="0.3")
            await paper.start()
            await paper.until(lambda: paper.run.engine and paper.fills, "a fill")
            await asyncio.sleep(4)
            await paper.stop()
            held = paper.run.status()["positions"]
            await asyncio.sleep(7)
            await paper.start()
            await paper.ready()
            assert paper.run.status()["positions"] == held
            paper.wish(BTC_USDT="0")
            await paper.until(lambda: paper.fills[-1].side.value == "sell", "sold")
            await asyncio.sleep(3)
            await paper.stop()
            paper.check()
            closes = [each.ts_event for each in paper.of(Bar)]
            assert len(closes) > 12
            assert closes == list(range(closes[0], closes[-1] + 1, 10**9))

    virtually(scene)


def test_bars_that_a_broken_stream_carried_past_us_come_in_order_with_none_left_out(tmp_path: Path) -> None:
    async def scene() -> None:
        async with papering(tmp_path, strategies=[hand(tmp_path, on=("bars:1s",))]) as paper:
            await paper.start()
            await paper.ready()
            await asyncio.sleep(3)
            for _ in range(3):
                paper.twins["binance"].kick()
                await asyncio.sleep(4)
            await paper.stop()
            closes = [each.ts_event for each in paper.of(Bar)]
            assert len(closes) > 12
            assert closes == list(range(closes[0], closes[-1] + 1, 10**9))
            assert len(paper.of(MarketStale)) >= 3

    virtually(scene)


def test_nothing_is_opened_while_the_data_is_away(tmp_path: Path) -> None:
    async def scene() -> None:
        async with papering(tmp_path) as paper:
            await paper.start()
            await paper.ready()
            away = asyncio.create_task(paper.twins["binance"].restart(down_s=12))
            await paper.until(lambda: not paper.run.status()["venue"]["binance"]["connected"], "its absence is told")
            assert paper.run.status()["state"] == "degraded"
            paper.wish(BTC_USDT="0.3")
            await asyncio.sleep(8)
            assert not paper.run.engine.ledger.orders
            await away
            await paper.until(lambda: paper.run.status()["venue"]["binance"]["connected"], "it is back")
            paper.wish(BTC_USDT="0.2")
            await paper.until(lambda: paper.fills, "a fill")
            await paper.stop()
            paper.check()
            stale = next(each for each in paper.of(MarketStale))
            first = next(each for each in paper.records if isinstance(each, Quote) and each.ts_init > stale.ts_init)
            assert first.ts_init - stale.ts_init > 11 * 10**9
            assert all(each.ts_init >= first.ts_init for each in (*paper.of(OrderEvent), *paper.of(FillEvent)))

    virtually(scene)


def test_a_venue_that_is_not_there_is_waited_for_once_the_run_has_begun(tmp_path: Path) -> None:
    async def scene() -> None:
        async with papering(tmp_path) as paper:
            await paper.start()
            await paper.ready()
            await paper.stop()
            await paper.twins["binance"].close()
            await paper.start()
            paper.wish(BTC_USDT="0.3")
            await asyncio.sleep(5)
            assert paper.run.status()["venue"]["binance"]["connected"] is False
            await paper.twins["binance"].open()
            await paper.until(lambda: paper.fills, "a fill")
            await paper.stop()
            links = [each.state for each in paper.of(VenueLink)]
            assert (links[:3], links[-1]) == ([LinkState.SYNCING, LinkState.UP, LinkState.SYNCING], LinkState.UP)
            paper.check()

    virtually(scene)


def test_a_backtest_over_the_bars_it_heard_decides_and_trades_alike(tmp_path: Path) -> None:
    async def scene() -> None:
        trend = {"id": "trend", "strategy": SMA, "symbols": [BTC], "parameters": {"fast": 2, "slow": 3}}
        async with papering(tmp_path, strategies=[{**trend, "on": ["bars:1s"]}]) as paper:
            await paper.start()
            await paper.until(lambda: paper.run.engine and len(paper.fills) > 6, "some trades")
            await paper.stop()
            paper.check()
            tested = backtested(paper.records)
            said = [each.says for each in paper.of(SignalEvent)]
            assert said == [each.says for each in tested if isinstance(each, SignalEvent)]
            assert len({str(each) for each in said}) == 2
            fills = [told(each) for each in paper.of(FillEvent)]
            assert len(fills) > 6
            assert fills == [told(each) for each in tested if isinstance(each, FillEvent)][: len(fills)]

    virtually(scene)


def backtested(records: Sequence[Event]) -> list[Event]:
    """The records of a backtest over the bars that a run heard, by the same plan."""
    bars = [each for each in records if isinstance(each, Bar)]
    plan = Plan.of(next(iter(records)))  # type: ignore[arg-type]
    names = ("open", "high", "low", "close", "volume")
    columns = {name: np.array([getattr(each, f"{name}_raw") for each in bars]) for name in names}
    columns["time"] = np.array([each.ts_event - each.interval_ns for each in bars])
    data = make_dataset(
        id="heard",
        kind=BARS,
        instrument=plan.instruments[0],
        interval_ns=bars[0].interval_ns,
        columns=columns,
        provenance=Provenance(),
    )
    wanted = msgspec.structs.replace(plan, data=(data_range(data),), simulated=False)
    started = wanted.started(wanted.run_id(), data.start)
    session, _ = backtest_session(started, make=from_entry, datasets={"heard": data}, journal=Journal.memory())
    session.begin(started)
    drive(session.run())
    return list(JournalReader(session.journal).records())  # type: ignore[arg-type]


def told(fill: FillEvent) -> tuple[Any, ...]:
    return fill.side, fill.price, fill.quantity, fill.fee, fill.ts_event


def test_several_venues_are_heard_at_once_and_each_is_on_its_own(tmp_path: Path) -> None:
    async def scene() -> None:
        both = [f"{name}:{BTC}" for name in ("one", "two")]
        seats = [hand(tmp_path, [each]) | {"id": f"hand{number}"} for number, each in enumerate(both)]
        async with papering(tmp_path, names=("one", "two"), strategies=seats) as paper:
            await paper.start()
            await paper.ready()
            away = asyncio.create_task(paper.twins["two"].restart(down_s=6))
            await paper.until(lambda: not paper.run.status()["venue"]["two"]["connected"], "the absence of one is told")
            paper.wish(BTC_USDT="0.3")
            await paper.until(lambda: paper.fills, "a fill at the other")
            assert {each.instrument.venue for each in paper.fills} == {"one"}
            await away
            paper.wish(BTC_USDT="0.25")
            await paper.until(lambda: {each.instrument.venue for each in paper.fills} == {"one", "two"}, "both")
            await paper.stop()
            paper.check()

    virtually(scene)


def test_terms_and_costs_are_those_of_the_configuration(tmp_path: Path) -> None:
    async def scene() -> None:
        costs = {"taker_fee": "0.002", "slippage_bps": "10"}
        async with papering(tmp_path, costs=costs) as paper:
            coarse = {"instruments": {BTC: {"tick": "0.5", "lot": "0.01", "fee_currency": "quote"}}}
            changed = paper.config.model_dump(exclude_unset=True)
            changed["venues"]["binance"] |= coarse
            paper.config = Config.model_validate(changed)
            paper.wish(BTC_USDT="0.9")
            await paper.start()
            await paper.until(lambda: paper.run.engine and paper.fills, "a fill")
            await paper.stop()
            paper.check()
            for fill in paper.fills:
                assert (fill.price % Decimal("0.5"), fill.fee_currency) == (0, "USDT")
                assert abs(fill.fee - fill.price * fill.quantity / 500) < Decimal("0.0001")
            assert all(each.order.quantity % Decimal("0.01") == 0 for each in paper.run.engine.ledger.orders.values())
            assert not paper.of(TermsChanged)

    virtually(scene)


def test_a_journal_of_a_paper_run_is_no_journal_of_a_live_one(tmp_path: Path) -> None:
    async def scene() -> None:
        async with papering(tmp_path) as paper:
            await paper.start()
            await paper.ready()
            await paper.stop()
            started = paper.records[0]
            assert isinstance(started, RunStarted)
            live = msgspec.structs.replace(Plan.of(started), simulated=False)
            with pytest.raises(ConfigError, match="with other execution"):
                paper.run._take_up(live, JournalReader(paper.state.journal))

    virtually(scene)


# --- connectors of one's own ----------------------------------------------------------------------


class Keyed(ExchangeConnector):
    """A connector that found a key somewhere; a subclass says what it may do."""

    may: ClassVar[Permissions] = Permissions(trade=True, withdraw=False)

    def __init__(self, settings: VenueSettings) -> None:
        assert settings.credentials is None
        self.venue = settings.venue
        self.instrument = Instrument(venue=self.venue, symbol=BTC, tick=Decimal("0.01"), lot=Decimal("0.00001"))
        self._begun = asyncio.Event()

    async def connect(self) -> None: ...
    async def close(self) -> None: ...
    async def place_order(self, order: Any) -> Any:
        raise AssertionError("an order left a paper run")

    async def cancel_order(self, cancel: Any) -> Any:
        raise AssertionError("a cancel left a paper run")

    async def get_positions(self) -> Any:
        raise AssertionError("the account was asked for")

    async def get_balances(self) -> Any:
        raise AssertionError("the account was asked for")

    async def get_instruments(self) -> dict[str, Instrument]:
        return {self.instrument.key: self.instrument}

    async def get_permissions(self) -> Permissions:
        return self.may

    async def subscribe_quotes(self, symbol: str) -> None:
        assert symbol == BTC

    async def server_time(self) -> int:
        asyncio.get_running_loop().call_later(1.0, self._begun.set)  # by then the run is up
        return 0

    async def stream(self) -> AsyncIterator[Event]:
        await self._begun.wait()
        size = 10 ** (self.instrument.quantity_places - 2)
        for number in range(1, 60):
            middle = 6_000_000 + 10 * (number * 7 % 13)
            at = 1_700_000_000 * 10**9 + number * 10**8
            yield Quote("own", number, at, at, self.instrument, middle - 5, middle + 5, size, size)
        await asyncio.Event().wait()


class Unsure(Keyed):
    may = Permissions(trade=None, withdraw=None)


class Reader(Keyed):
    may = Permissions(trade=False, withdraw=False)


def own(kind: type[Keyed]) -> dict[str, Any]:
    return {"venues": {"own": {"connector": f"{__name__}:{kind.__name__}", "credentials": "secret://env/NOBODY"}}}


@pytest.mark.parametrize("kind", [Keyed, Unsure])
def test_a_key_that_may_trade_or_does_not_say_is_refused(kind: type[Keyed], tmp_path: Path) -> None:
    async def scene() -> None:
        async with papering(tmp_path, names=(), **own(kind)) as paper:
            await paper.start()
            with pytest.raises(Refused, match="own: its connector has a key that may trade"):
                await paper._running
            assert not any(paper.state.journal.glob("*"))  # nothing stands in the way of the next start

    sys.modules.setdefault(__name__, sys.modules[Keyed.__module__])
    virtually(scene)


def test_the_same_frames_lead_to_the_same_trading_in_every_run(tmp_path: Path) -> None:
    async def scene(folder: Path) -> list[dict[str, Any]]:
        async with papering(folder, names=(), **own(Reader)) as paper:
            paper.wish(BTC_USDT="0.5")
            await paper.start()
            await paper.until(lambda: paper.run.engine and len(paper.fills) > 2, "fills")
            await asyncio.sleep(3)
            await paper.stop()
            paper.check()
            return [untimed(each) for each in paper.records if isinstance(each, MarketDataEvent | Consequence)]

    folders = [tmp_path / "one", tmp_path / "two"]
    for each in folders:
        each.mkdir()
    first, second = (virtually(lambda folder=each: scene(folder)) for each in folders)
    assert len(first) > 60
    assert first == second


def untimed(event: Event) -> dict[str, Any]:
    """An event without the run's own ids and the instants of what a person did."""
    plain = to_plain(event)
    own = {"order_id", "cause", "parameters"} | ({"ts_event", "ts_init"} if plain["source"] == "engine" else set())
    return {name: value for name, value in plain.items() if name not in own}
