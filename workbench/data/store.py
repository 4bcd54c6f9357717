"""The database: a view of journals that can be thrown away and built again, in SQLite or PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, Table, create_engine, delete, event, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from workbench.core.errors import ConfigError, CorruptState, LeaseHeld
from workbench.core.events import Bar, Quote, RunStarted, Trade
from workbench.data import schema
from workbench.data.columns import moment
from workbench.data.lines import BalanceLine, FillLine, FundingLine, LiquidationLine, OrderLine, PositionLine
from workbench.data.reader import JournalReader
from workbench.data.snapshots import Found, SnapshotFolder
from workbench.data.view import Fold

BATCH = 4_096  # records in one transaction: large enough to be quick, small enough to be redone

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_json = msgspec.json.Encoder(order="deterministic")


class MarketDataRow(msgspec.Struct, frozen=True, kw_only=True):
    """A market at one instant (UTC ns); prices in quote currency, volume of the last 24 hours in base currency."""

    time_ns: int
    exchange: str
    symbol: str
    account: str = "main"
    bid: Decimal | None = None
    ask: Decimal | None = None
    last_price: Decimal | None = None
    volume_24h: Decimal | None = None


class Store:
    """A database at `sqlite:///file`, `sqlite://` (in memory) or `postgresql+psycopg://user:password@host/name`."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._insert = _INSERTS[self.engine.dialect.name]
        self._following: _Progress | None = None

    def create(self) -> None:
        """Makes the tables that are missing, keeps the others; raises ConfigError where it cannot be opened."""
        try:
            schema.metadata.create_all(self.engine)
        except DBAPIError as error:
            where = self.engine.url.render_as_string(hide_password=True)
            raise ConfigError(f"store.url: {where} cannot be opened: {error.orig}") from None

    def close(self) -> None:
        """Lets go of every connection."""
        self.engine.dispose()

    def catch_up(self, reader: JournalReader) -> int:
        """Takes in what is new in the journal; returns how many records that was.

        Each batch is one transaction together with the cursor, so a crash neither loses nor doubles.
        The same reader again costs what is new; another one folds the journal from its start once, in
        memory that grows with orders and fills. Raises CorruptState where the journal does not begin
        with exactly the records that were taken, LeaseHeld where another process is writing this run.
        """
        progress = self._following
        if progress is None or progress.reader is not reader:
            progress = self._resume(reader)
        self._following = None  # a fold that ran ahead of a failed transaction is of no use
        before = progress.records
        lines = reader.lines(start=before)
        while batch := list(islice(lines, BATCH)):
            taken = progress.records
            for line in batch:
                progress.take(line)
            with self.engine.begin() as connection:
                self._write(connection, progress, taken)
        self._following = progress
        self._keep_snapshot(reader)
        return progress.records - before

    def forget(self, run_id: str) -> None:
        """Removes all that is known of one run; `catch_up` builds it again from its journal."""
        self._following = None
        with self.engine.begin() as connection:
            for table in reversed(schema.metadata.sorted_tables):  # those that name others first
                if "run_id" not in table.c:
                    continue
                connection.execute(delete(table).where(table.c.run_id == run_id))

    def write_market_data(self, rows: Sequence[MarketDataRow]) -> int:
        """Writes rows in one transaction, the last word on an instant winning; returns how many. Floats are refused."""
        written = {(row.time_ns, row.exchange, row.account, row.symbol): _market_data(row) for row in rows}
        with self.engine.begin() as connection:
            self._upsert(connection, schema.market_data, list(written.values()))
        return len(rows)

    def rows(self, table: Table) -> list[Row[Any]]:
        """All rows of one table by its key; numbers are exact Decimals, times are in UTC."""
        with self.engine.connect() as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key.columns)))

    def _keep_snapshot(self, reader: JournalReader) -> None:
        """The newest snapshot beside the journal, where it is of this run and not here yet."""
        if reader.folder is None:
            return
        run_id = reader.started().run_id
        found = next((each for each in SnapshotFolder(reader.folder.parent / "snapshots").newest()), None)
        if found is None or found.snapshot.run_id != run_id:
            return
        with self.engine.begin() as connection:
            known = connection.execute(
                select(schema.snapshots.c.sha256).where(schema.snapshots.c.run_id == run_id)
            ).scalar()
            if known != found.seal.sha256:
                self._upsert(connection, schema.snapshots, [_snapshot(found)])

    def _resume(self, reader: JournalReader) -> _Progress:
        started = reader.started()
        taken, digest = self._cursor(started.run_id)
        progress = _Progress(reader, started)
        for line in islice(reader.lines(), taken):
            progress.take(line)
        if progress.records != taken or (taken and progress.digest.hexdigest() != digest):
            raise CorruptState(
                f"run {started.run_id}: the database holds {taken} records with digest {digest[:16]}…, and this "
                f"journal does not begin with them; find the journal they came from, or forget the run and catch up"
            )
        progress.written()
        return progress

    def _cursor(self, run_id: str) -> tuple[int, str]:
        with self.engine.connect() as connection:
            found = connection.execute(
                select(schema.runs.c.records, schema.runs.c.journal_digest).where(schema.runs.c.run_id == run_id)
            ).first()
        return (found.records, found.journal_digest) if found else (0, "")

    def _write(self, connection: Connection, progress: _Progress, taken: int) -> None:
        fold, run_id = progress.fold, progress.started.run_id
        self._move_cursor(connection, progress, taken)
        self._upsert(connection, schema.orders, [_order(run_id, fold.order(each)) for each in fold.touched])
        self._upsert(connection, schema.fills, [_fill(run_id, each) for each in fold.fills(progress.fills)])
        self._upsert(connection, schema.funding, [_funding(run_id, each) for each in fold.funding(progress.funding)])
        self._upsert(connection, schema.liquidations, [_liquidation(run_id, each) for each in fold.liquidations()])
        self._upsert(connection, schema.positions, [_position(run_id, each) for each in fold.positions()])
        self._upsert(connection, schema.balances, [_balance(run_id, each) for each in fold.balances()])
        self._upsert(connection, schema.market_data, [_market_data(each) for each in progress.market.values()])
        progress.written()

    def _move_cursor(self, connection: Connection, progress: _Progress, taken: int) -> None:
        runs, run_id = schema.runs, progress.started.run_id
        cursor = {"records": progress.records, "journal_digest": progress.digest.hexdigest()}
        if taken == 0:
            statement = self._insert(runs).values(**_run(progress.started), **cursor).on_conflict_do_nothing()
        else:
            statement = update(runs).where(runs.c.run_id == run_id, runs.c.records == taken).values(**cursor)
        if connection.execute(statement.returning(runs.c.run_id)).first() is None:
            raise LeaseHeld(f"run {run_id}: another process is writing it to this database")

    def _upsert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            statement = self._insert(table)
            key = [column.name for column in table.primary_key.columns]
            fresh = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
            connection.execute(statement.on_conflict_do_update(index_elements=key, set_=fresh), rows)


class _Progress:
    """How far one journal was folded, and what of the fold is written."""

    def __init__(self, reader: JournalReader, started: RunStarted) -> None:
        self.reader = reader
        self.started = started
        self.fold = Fold(started)
        self.digest = hashlib.sha256()
        self.records = 0
        self.fills = self.funding = 0
        self.market: dict[tuple[int, str], MarketDataRow] = {}  # of one batch: the last word on each instant

    def take(self, line: bytes) -> None:
        self.digest.update(line + b"\n")
        record = self.reader.read(line)
        self.fold.take(record)
        row = _quoted(record)
        if row is not None:
            self.market[row.time_ns, f"{row.exchange}/{row.account}:{row.symbol}"] = row
        self.records += 1

    def written(self) -> None:
        self.fold.touched.clear()
        self.market.clear()
        self.fills, self.funding = len(self.fold.ledger.fills), len(self.fold.ledger.funding)


def fill_id(row: dict[str, Any]) -> str:
    """The id of a fill, the same wherever it is derived: a hash of what makes it itself."""
    return hashlib.sha256(_json.encode([row[name] for name in schema.FILL_KEY])).hexdigest()[:32]


def _run(started: RunStarted) -> dict[str, Any]:
    return {
        "run_id": started.run_id,
        "started_at": moment(started.ts_event),
        "started_ns": started.ts_event,
        "base_currency": started.base_currency,
        "strategies": _json.encode(started.strategies).decode(),
        "settings": _json.encode(started.settings).decode(),
    }


def _snapshot(found: Found) -> dict[str, Any]:
    snapshot = found.snapshot
    return {
        "run_id": snapshot.run_id,
        "records": snapshot.records,
        "format": found.seal.format,
        "sha256": found.seal.sha256,
        "content": b"\n".join((msgspec.json.encode(snapshot), *found.lines)).decode(),
        "taken_at": moment(snapshot.taken_ns),
        "taken_ns": snapshot.taken_ns,
    }


def _order(run_id: str, line: OrderLine) -> dict[str, Any]:
    row = msgspec.structs.asdict(line)
    row["order_id"] = row.pop("client_order_id")
    row["cause"] = next(iter(row.pop("causes")), "")
    row["created_at"], row["updated_at"] = moment(line.created_ns), moment(line.updated_ns)
    return {"run_id": run_id, **row}


def _fill(run_id: str, line: FillLine) -> dict[str, Any]:
    row = msgspec.structs.asdict(line)
    del row["venue_order_id"]  # the order has it
    row["order_id"] = row.pop("client_order_id")
    row["trade_id"] = row.pop("venue_trade_id")
    row["filled_ns"] = row.pop("ts_ns")
    row["filled_at"] = moment(line.ts_ns)
    row["run_id"] = run_id
    return {"fill_id": fill_id(row), **row}


def _funding(run_id: str, line: FundingLine) -> dict[str, Any]:
    row = msgspec.structs.asdict(line)
    row["settled_ns"] = row.pop("ts_ns")
    return {"run_id": run_id, **row, "settled_at": moment(line.ts_ns)}


def _liquidation(run_id: str, line: LiquidationLine) -> dict[str, Any]:
    row = msgspec.structs.asdict(line)
    row["trade_id"], row["closed_ns"] = row.pop("venue_trade_id"), row.pop("ts_ns")
    return {"run_id": run_id, **row, "closed_at": moment(line.ts_ns)}


def _position(run_id: str, line: PositionLine) -> dict[str, Any]:
    return {"run_id": run_id, **msgspec.structs.asdict(line), "updated_at": moment(line.updated_ns)}


def _balance(run_id: str, line: BalanceLine) -> dict[str, Any]:
    return {"run_id": run_id, **msgspec.structs.asdict(line), "updated_at": moment(line.updated_ns)}


def _quoted(record: object) -> MarketDataRow | None:
    """What a journalled market event says; rows of stored datasets stay in their datasets."""
    if not isinstance(record, (Bar, Trade, Quote)):
        return None
    of = record.instrument
    where: Any = {"time_ns": record.ts_event, "exchange": of.venue, "account": of.account, "symbol": of.symbol}
    if isinstance(record, Quote):
        return MarketDataRow(**where, bid=record.bid, ask=record.ask)
    return MarketDataRow(**where, last_price=record.close if isinstance(record, Bar) else record.price)


def _market_data(row: MarketDataRow) -> dict[str, Any]:
    return {**msgspec.structs.asdict(row), "time": moment(row.time_ns)}


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError("store.url: expected sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME") from None
    if parsed.get_backend_name() not in _INSERTS:
        raise ConfigError(f"store.url: expected sqlite or postgresql+psycopg, got {parsed.drivername!r}")
    try:
        engine = create_engine(parsed, hide_parameters=True)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigError(f"store.url: {parsed.drivername} needs a driver that is not installed: {error}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _careful)
    return engine


def _careful(connection: Any, _: Any) -> None:
    """SQLite checks foreign keys only when asked, and lets readers read while one writes only in this mode."""
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_mode=WAL")
