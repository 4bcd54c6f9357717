"""The orders by which the kill switch closed positions: written down before they leave, so that the run knows them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from workbench.core.errors import CorruptState
from workbench.core.events import Event, FillEvent, Liquidation

log = logging.getLogger(__name__)

MAX_FILE = 1 << 20  # bytes: thousands of closing orders, where a few are the most that anybody needs


class Closed(msgspec.Struct, frozen=True):
    """One closing order, with the venue's id once that is known."""

    order_id: str
    venue_order_id: str = ""


class Closings:
    """Both ends of the file: the kill switch writes it, and the run reads in it whose a strange trade was."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._names: set[str] = set()
        self._size = 0

    def write(self, order_id: str, venue_order_id: str = "") -> None:
        """Adds an order, durably; and again, once the venue has named it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            line = msgspec.json.encode(Closed(order_id, venue_order_id)) + b"\n"
            os.write(handle, line if _ends_whole(self._file) else b"\n" + line)
            os.fsync(handle)
        finally:
            os.close(handle)

    def heard(self, event: Event, *, settled: Callable[[Liquidation], bool]) -> Event | None:
        """The event as the run books it: a trade of a closing order took a position by force, once."""
        if not isinstance(event, FillEvent) or not self._wrote(event):
            return event
        taken = Liquidation(
            event.source,
            event.sequence,
            event.ts_event,
            event.ts_init,
            instrument=event.instrument,
            trade_id=event.trade_id,
            side=event.side,
            quantity_raw=event.quantity_raw,
            price_raw=event.price_raw,
            fee_raw=event.fee_raw,
            fee_currency=event.fee_currency,
            by="the kill switch",
        )
        return None if settled(taken) else taken

    def _wrote(self, fill: FillEvent) -> bool:
        self._read()
        return bool({fill.order_id, fill.venue_order_id} & self._names)

    def _read(self) -> None:
        try:
            size = self._file.stat().st_size
        except FileNotFoundError:
            return
        if size == self._size:
            return
        if size > MAX_FILE:
            raise CorruptState(f"{self._file}: expected at most {MAX_FILE} bytes, it has {size}")
        lines = self._file.read_bytes().split(b"\n")[:-1]  # what is after the last newline is being written
        orders = [each for number, line in enumerate(lines, start=1) for each in self._closed(number, line)]
        self._names = {name for each in orders for name in (each.order_id, each.venue_order_id) if name}
        self._size = size

    def _closed(self, number: int, line: bytes) -> list[Closed]:
        """The order of a line; none where a switch that died, or a full disk, left only a part of it."""
        try:
            return [msgspec.json.decode(line, type=Closed)]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("%s: line %d is left out, it is damaged: %s", self._file, number, error)
            return []


def _ends_whole(file: Path) -> bool:
    """Whether the last line of a file has its end, or there is none."""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 1))
        return stream.read(1) in (b"", b"\n")
