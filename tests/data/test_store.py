"""What the database view promises, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, Text, func, insert, select
from sqlalchemy.exc import IntegrityError

from tests.data.traded import BTC, STARTED_NS, started, timer, write
from workbench.core.errors import ConfigError, CorruptState, DataError, LeaseHeld
from workbench.core.events import Quote, Trade
from workbench.data import schema, store
from workbench.data.columns import Exact, Utc, moment
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.data.store import MarketDataRow, Store
from workbench.data.view import ledger_view

EXTREMES = ["99999999999999999999.123456789012345678", "0.000000000000000001", "4e-7", "0.00000812", "-0", "1E+20", "7"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'view.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def view(url: str) -> Iterator[Store]:
    view = Store(url)
    view.create()
    yield view
    view.close()


def everything(view: Store) -> dict[str, list[Any]]:
    return {table.name: [tuple(row) for row in view.rows(table)] for table in schema.metadata.sorted_tables}


def test_extreme_numbers_come_back_exactly(view: Store) -> None:
    numbers = Table("numbers", MetaData(), Column("name", Text), Column("value", Exact()))
    numbers.create(view.engine)
    with view.engine.begin() as connection:
        connection.execute(insert(numbers), [{"name": each, "value": Decimal(each)} for each in EXTREMES])
        found = {row.name: row.value for row in connection.execute(select(numbers))}
    assert found == {each: Decimal(each) for each in EXTREMES}
    assert [str(found[each]) for each in ("-0", "1E+20", "7")] == ["0", "100000000000000000000", "7"]


@pytest.mark.parametrize("wrong", [0.1, True, "1e-19", 10**30, "NaN", "0.1; DROP TABLE"])
def test_what_would_have_to_be_rounded_is_refused(view: Store, wrong: Any) -> None:
    numbers = Table("numbers", MetaData(), Column("value", Exact()))
    numbers.create(view.engine)
    with pytest.raises(DataError), view.engine.begin() as connection:
        connection.execute(insert(numbers), [{"value": wrong}])
    with view.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(numbers)).scalar() == 0


def test_times_are_utc_and_keep_their_nanoseconds(view: Store) -> None:
    view.catch_up(JournalReader(write(Journal.memory())))
    (run,) = view.rows(schema.runs)
    assert run.started_at == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert run.started_at.utcoffset().total_seconds() == 0
    assert run.started_ns == STARTED_NS
    assert moment(STARTED_NS) == run.started_at


def test_a_time_without_a_zone_is_refused(view: Store) -> None:
    times = Table("times", MetaData(), Column("at", Utc))
    times.create(view.engine)
    with pytest.raises(DataError, match="zone"), view.engine.begin() as connection:
        connection.execute(insert(times), [{"at": datetime(2024, 1, 1)}])


def test_the_database_holds_what_the_ledger_view_tells(view: Store) -> None:
    reader = JournalReader(write(Journal.memory()))
    view.catch_up(reader)
    told = ledger_view(reader)
    for table, key in (("orders", "client_order_id"), ("fills", "venue_trade_id")):
        rows = {row[key.removeprefix("client_").removeprefix("venue_")]: row for row in _mappings(view, table)}
        assert len(rows) == len(told[table]) > 0
        for line in told[table]:
            for name in ("symbol", "side", "strategy_id", "quantity", "price"):
                assert _text(rows[line[key]][name]) == line[name], (table, name)
    for table in ("positions", "balances"):
        shared = sorted(set(schema.metadata.tables[table].columns.keys()) & set(told[table][0]))
        held = sorted(str([_text(row[name]) for name in shared]) for row in _mappings(view, table))
        assert held == sorted(str([line[name] for name in shared]) for line in told[table])


def test_catching_up_twice_changes_nothing(view: Store) -> None:
    reader = JournalReader(write(Journal.memory()))
    assert view.catch_up(reader) == reader.verify().records
    before = everything(view)
    assert view.catch_up(reader) == 0
    assert view.catch_up(JournalReader(write(Journal.memory()))) == 0
    assert everything(view) == before
    (run,) = view.rows(schema.runs)
    assert (run.records, run.journal_digest) == (reader.verify().records, reader.verify().digest)


@pytest.mark.parametrize("one_reader", [True, False])
def test_any_way_of_catching_up_leads_to_the_same_rows(
    view: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_reader: bool
) -> None:
    write(Journal.on_disk(tmp_path / "whole"), frame_every=1).close()
    whole = Store(f"sqlite:///{tmp_path / 'whole.db'}")
    whole.create()
    whole.catch_up(JournalReader(tmp_path / "whole"))
    monkeypatch.setattr(store, "BATCH", 2)
    growing = tmp_path / "growing"
    growing.mkdir()
    data = (tmp_path / "whole" / "000001.journal").read_bytes()
    reader, taken = JournalReader(growing), 0
    for length in [*range(700, len(data), 211), len(data)]:
        (growing / "000001.journal").write_bytes(data[:length])
        if list(JournalReader(growing)):
            taken += view.catch_up(reader if one_reader else JournalReader(growing))
    assert taken == JournalReader(growing).verify().records
    assert everything(view) == everything(whole)
    whole.close()


def test_a_crash_in_the_middle_neither_loses_nor_doubles(view: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BATCH", 3)
    journal = write(Journal.memory())
    reader, upsert, calls = JournalReader(journal), Store._upsert, [0]
    total = reader.verify().records

    def crash(self: Store, *arguments: Any) -> None:
        calls[0] += 1
        if calls[0] % 11 == 0:
            raise KeyboardInterrupt
        upsert(self, *arguments)

    monkeypatch.setattr(Store, "_upsert", crash)
    crashes = 0
    while True:
        try:
            view.catch_up(reader)
            break
        except KeyboardInterrupt:
            crashes += 1
            (done,) = [row.records for row in view.rows(schema.runs)] or [0]
            assert done % 3 == 0
            assert crashes < 50
    assert crashes > 2
    crashed = everything(view)
    monkeypatch.undo()
    view.forget("run-1")
    assert view.catch_up(reader) == total
    assert everything(view) == crashed


def test_a_journal_that_does_not_extend_what_was_taken_is_corrupt_state(view: Store) -> None:
    view.catch_up(JournalReader(write(Journal.memory())))
    other = Journal.memory()
    other.take(started())
    with pytest.raises(CorruptState, match="does not begin with them"):
        view.catch_up(JournalReader(other))
    for number in range(100):
        other.take(timer(number))
    before = everything(view)
    with pytest.raises(CorruptState, match="forget the run") as error:
        view.catch_up(JournalReader(other))
    assert error.value.exit_code == 5
    assert everything(view) == before


def test_two_writers_of_one_run_do_not_write_over_each_other(view: Store, url: str) -> None:
    journal = Journal.memory()
    journal.take(started())
    mine, theirs, other = JournalReader(journal), JournalReader(journal), Store(url)
    view.catch_up(mine)
    journal.take(timer(1))
    assert other.catch_up(theirs) == 1
    journal.take(timer(2))
    with pytest.raises(LeaseHeld):
        view.catch_up(mine)
    assert view.catch_up(mine) == 1, "the next time it starts from what the other one wrote"
    other.close()


def test_two_runs_keep_apart(view: Store) -> None:
    for run_id in ("run-1", "run-2"):
        view.catch_up(JournalReader(write(Journal.memory(), run_id)))
    assert len(view.rows(schema.fills)) == 4
    assert len({row.fill_id for row in view.rows(schema.fills)}) == 4
    view.forget("run-1")
    assert {row.run_id for row in view.rows(schema.fills)} == {"run-2"}


def test_the_database_itself_refuses_a_fill_twice(view: Store) -> None:
    view.catch_up(JournalReader(write(Journal.memory())))
    row = dict(_mappings(view, "fills")[0]) | {"fill_id": "another"}
    with pytest.raises(IntegrityError), view.engine.begin() as connection:
        connection.execute(insert(schema.fills), [row])


def test_hostile_names_are_only_names(view: Store) -> None:
    name = "x'); DROP TABLE fills; --\u5e01"
    view.catch_up(JournalReader(write(Journal.memory(), name)))
    assert {row.run_id for row in view.rows(schema.fills)} == {name}


def test_market_data_is_written_exactly_and_once(view: Store) -> None:
    row = MarketDataRow(time_ns=STARTED_NS, exchange="binance", symbol="BTC/USDT", bid=Decimal("4e-7"))
    better = MarketDataRow(
        time_ns=STARTED_NS, exchange="binance", symbol="BTC/USDT", bid=Decimal(EXTREMES[0]), volume_24h=Decimal(0)
    )
    later = MarketDataRow(time_ns=STARTED_NS + 1, exchange="binance", symbol="BTC/USDT")
    assert view.write_market_data([row, better, later]) == 3
    view.write_market_data([better])
    first, second = view.rows(schema.market_data)
    assert (first.bid, first.ask, first.volume_24h, first.account) == (Decimal(EXTREMES[0]), None, Decimal(0), "main")
    assert second.time_ns == STARTED_NS + 1
    wrong: Any = 0.5
    with pytest.raises(DataError, match="float"):
        view.write_market_data([MarketDataRow(time_ns=1, exchange="x", symbol="y", ask=wrong)])
    assert view.write_market_data([]) == 0


def test_market_events_of_a_journal_are_taken_into_market_data(view: Store) -> None:
    journal = write(Journal.memory())
    at = STARTED_NS + 10**15
    journal.row(Quote("feed", 1, at, at, BTC, 40_000_00, 40_001_00, 5, 6))
    journal.row(Trade("feed", 2, at + 1, at + 1, BTC, 40_000_50, 7))
    journal.row(Trade("feed", 3, at + 1, at + 1, BTC, 40_000_75, 7))
    view.catch_up(JournalReader(journal))
    quote, trade = (row for row in view.rows(schema.market_data) if row.time_ns >= at)
    assert (quote.bid, quote.ask, quote.last_price) == (Decimal(40_000), Decimal(40_001), None)
    assert (trade.time_ns, trade.last_price) == (at + 1, Decimal("40000.75"))


def test_a_file_that_is_no_database_is_a_config_error(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("not a database, " * 100)
    with pytest.raises(ConfigError, match="cannot be opened"):
        Store(f"sqlite:///{file}").create()


def test_creating_twice_keeps_what_is_there(view: Store) -> None:
    view.catch_up(JournalReader(write(Journal.memory())))
    view.create()
    assert len(view.rows(schema.orders)) == 4


@pytest.mark.parametrize("wrong", ["mysql://u:hunter2@h/d", "no url:hunter2", "postgresql+nodriver://u:hunter2@h/d"])
def test_a_wrong_url_is_a_config_error_that_keeps_the_password(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.url") as error:
        Store(wrong)
    assert "hunter2" not in str(error.value)


def _mappings(view: Store, table: str) -> list[Any]:
    return [row._mapping for row in view.rows(schema.metadata.tables[table])]


def _text(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else value
