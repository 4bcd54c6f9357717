"""A progress bar for people; nothing at all where no terminal is."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from workbench.cli.output import err
from workbench.core.events import Event
from workbench.data.dataset import Dataset

STEP = 4_096  # events between two updates


class Progress:
    """A sink that counts events; a context that shows them."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        self._count = 0
        columns = (TextColumn("backtest"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Bars(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self._bars.add_task("", total=sum(each.rows for each in datasets))

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Counts one input."""
        self._count += 1
        if self._count % STEP == 0:
            self._bars.update(self._task, completed=self._count)
