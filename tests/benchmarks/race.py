"""Several do the same work in turn, more than once: what each takes, and whether they come to the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.figures import tell

REPEATS = 3
ROUNDING = 1e-12  # of the equity: engines round fees in floats, or half to even

Answer = Mapping[str, int]  # counts, and the final equity in units of 10^-8
Lap = tuple[float, Answer] | None  # CPU seconds and what it came to; None where it is not installed


@dataclass
class Runner:
    """One way to do the work; `slow` ones run once."""

    name: str
    lap: Callable[[], Lap]
    slow: bool = False
    seconds: list[float] = field(default_factory=list)
    answer: Answer | None = None

    @property
    def took(self) -> float:
        """The median of its laps, in CPU seconds."""
        return median(self.seconds) if self.seconds else float("nan")


def timed(work: Callable[[], Answer]) -> Callable[[], Lap]:
    """A lap of work in this process."""

    def lap() -> Lap:
        began = time.process_time()
        answer = work()
        return time.process_time() - began, answer

    return lap


def race(*runners: Runner, repeats: int = REPEATS) -> Sequence[Runner]:
    """Lets all run in turn, `repeats` times over; slow ones once."""
    for turn in range(repeats):
        for runner in runners:
            if runner.slow and turn:
                continue
            found = runner.lap()
            if found is not None:
                runner.seconds.append(found[0])
                runner.answer = found[1]
    return runners


def print_table(
    title: str, runners: Sequence[Runner], *, count: int, unit: str, against: Sequence[str], truth: Answer
) -> None:
    """One line a runner: its rate, how many times that of some others, and how its answer differs from the true one."""
    took = {runner.name: runner.took for runner in runners}
    lines = [f"{unit + '/s':>14}  " + "  ".join(f"x {name[:16]:<16}" for name in against)]
    for runner in runners:
        if runner.answer is None:
            lines.append(f"{'not installed':>14}  {' ' * 20 * len(against)}{runner.name}")
            continue
        ratios = "  ".join(f"{took[name] / runner.took:18,.2f}" for name in against)
        note = f"{difference(runner.answer, truth)}{', one lap' if len(runner.seconds) == 1 else ''}"
        lines.append(f"{count / runner.took:>14,.0f}  {ratios}  {runner.name}: {note}")
    tell(title, *lines)


def wrong_ones(runners: Sequence[Runner], names: Collection[str], truth: Answer) -> list[str]:
    """Who of those named did not come to the truth, or did not run."""
    return [
        f"{runner.name}: {difference(runner.answer, truth) if runner.answer else 'did not run'}"
        for runner in runners
        if runner.name in names and (runner.answer is None or difference(runner.answer, truth) != "exact")
    ]


def difference(answer: Answer, truth: Answer) -> str:
    """What an answer has that the true one has not."""
    counted = [name for name in truth if name in answer and name != "equity"]
    wrong = [f"{answer[name] - truth[name]:+,} {name}" for name in counted if answer[name] != truth[name]]
    gap = answer["equity"] - truth["equity"]
    if not wrong and not gap:
        return "exact"
    if not wrong and abs(gap) <= ROUNDING * truth["equity"]:
        return f"exact but for {gap:+} x 10^-8"
    return ", ".join([*wrong, f"equity {gap / 10**8:+,.2f}"])
