"""Rows of a sweep in processes of their own: fresh interpreters, told by JSON what to run, the data read from disk."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from queue import Empty, Queue
from typing import IO

from workbench.core.codec import encode
from workbench.core.errors import WorkbenchError
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.data.shelf import write_dataset
from workbench.research.sweep_rows import Job, Refusal, Row
from workbench.runtime.plan import Plan

RELEASES = Path("config/releases")
LOST = 3  # processes that die in a row before the sweep gives up: more than one bad row can explain
END_S = 5.0  # how long a process that has closed its output may take to end
LOOK_S = 0.2  # how often the caller is given a chance to be interrupted


def why_not(strategy: Strategy) -> str:
    """Why a fresh interpreter cannot make this strategy; empty if it can."""
    kind = type(strategy)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if strategy.release:
        return ""
    if kind.__module__ == "__main__" or importlib.util.find_spec(kind.__module__) is None:
        return f"{kind.__qualname__} is defined in {kind.__module__}, not in a module that another process can import"
    return f"{name} is defined inside a function or class" if "." in kind.__qualname__ else ""


class InProcesses:
    """So many interpreters side by side, each with one row at a time."""

    def __init__(self, plan: Plan, strategy: Strategy, datasets: Mapping[str, Dataset], workers: int) -> None:
        self.told = f"event engine, {workers} processes"
        self._plan = plan
        self._datasets = datasets
        self._workers = workers

    def rows(self, jobs: Iterable[Job]) -> Generator[Row, None, None]:
        """A row for each job, as it is done. Raises WorkbenchError where the processes themselves do not live."""
        with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
            shift = _Shift(self._order(Path(folder)), iter(jobs), self._workers)
            try:
                yield from shift.rows()
            finally:
                shift.end()

    def _order(self, folder: Path) -> str:
        paths = {}
        for number, (name, data) in enumerate(self._datasets.items()):
            path = folder / f"{number}.parquet"
            write_dataset(data, path)
            paths[name] = str(path)
        return json.dumps(
            {
                "started": encode(self._plan.started("sweep", 0)).decode(),
                "datasets": paths,
                "path": sys.path,
                "releases": str(RELEASES.resolve()),
            }
        )


class _Shift:
    """The workers of one sweep: a thread beside each process hands it the next job and takes its answer."""

    def __init__(self, order: str, jobs: Iterator[Job], workers: int) -> None:
        self._jobs = jobs
        self._next = threading.Lock()
        self._ended = threading.Event()
        self._answers: Queue[Row | WorkbenchError | None] = Queue(maxsize=4 * workers)  # a row is a few hundred bytes
        self._workers = [_Worker(order) for _ in range(workers)]
        self._threads = [threading.Thread(target=self._work, args=(each,), daemon=True) for each in self._workers]

    def rows(self) -> Iterator[Row]:
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        while working:
            try:
                answer = self._answers.get(timeout=LOOK_S)
            except Empty:
                continue
            if isinstance(answer, WorkbenchError):
                raise answer
            if answer is None:
                working -= 1
            else:
                yield answer

    def end(self) -> None:
        """Hands out no more jobs, ends the processes, and waits for the threads beside them."""
        self._ended.set()
        for worker in self._workers:
            worker.end()
        for thread in self._threads:
            while thread.is_alive():
                self._drain()
                thread.join(LOOK_S)
        for worker in self._workers:
            worker.end()  # one that was started anew in the meantime

    def _drain(self) -> None:
        """Makes room, so that nobody waits to hand in an answer that nobody wants any more."""
        while not self._answers.empty():
            self._answers.get_nowait()

    def _work(self, worker: _Worker) -> None:
        try:
            while (job := self._job()) is not None:
                self._answers.put(worker.run(job))
            self._answers.put(None)
        except WorkbenchError as error:
            self._answers.put(error)

    def _job(self) -> Job | None:
        with self._next:
            return None if self._ended.is_set() else next(self._jobs, None)


class _Worker:
    """One interpreter, started anew where a row has ended it."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._lost = 0  # processes in a row
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[bytes] | None = None

    def run(self, job: Job) -> Row:
        """The row of a job; raises WorkbenchError where one process after the other does not live."""
        answer = self._answer(job)
        if answer:
            self._lost = 0
            number, said = json.loads(answer)
            return number, Refusal(said) if isinstance(said, str) else said
        self._lost += 1
        why = self._last_words()
        self.end()
        if self._lost == LOST:
            raise WorkbenchError(f"sweep: {LOST} processes ended one after the other: {why}")
        return job[0], Refusal(f"its process ended: {why}")

    def end(self) -> None:
        """Ends the process, at once if it is in the middle of a row."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _answer(self, job: Job) -> str:
        """The line it answers; empty where it has ended."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps([job[0], dict(job[1])]) + "\n")
            process.stdin.flush()
            return process.stdout.readline()
        except (OSError, ValueError):  # its pipe is closed
            return ""

    def _start(self) -> subprocess.Popen[str]:
        self._said = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - read when the process has ended
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "workbench.research.sweep_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # an interrupt is for the sweep, which ends its processes itself
        )
        assert process.stdin is not None
        process.stdin.write(self._order + "\n")
        return process

    def _last_words(self) -> str:
        """The last line the process wrote to stderr, or its exit code."""
        code = self._process.wait(END_S) if self._process is not None else 0
        assert self._said is not None
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {code}"
