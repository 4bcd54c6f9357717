"""Prints a second: one order that waits beside an average, in the compiled engine, the event engine and others.

The rules are those of `bare.make`; the prints are those of `work`. Rates are printed, answers are asserted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks import bare, engines, work
from tests.benchmarks.engines import BARE, EVENT, LOGGED, OURS, SILENT
from tests.benchmarks.figures import LONG
from tests.benchmarks.makers import Maker, maker
from tests.benchmarks.peers import HFTBACKTEST, NAUTILUS, NAUTILUS_NEXT, PEERS_NEXT, Files
from tests.benchmarks.race import Answer, Runner, print_table, race, timed, wrong_ones

TERMS: Mapping[str, Any] = {
    "cash": work.CASH,
    "rate": 0.0001,
    "window": bare.WINDOW,
    "away": bare.AWAY,
    "requote": bare.REQUOTE,
    "size": bare.SIZE / 10**8,
}


def told(found: tuple[int, int, int, int]) -> Answer:
    return dict(zip(("sent", "repriced", "filled", "equity"), map(int, found), strict=True))


def test_quoting_is_the_same_in_every_engine_and_the_rates_are_printed(tmp_path: Path) -> None:
    prints = work.prints()
    prices = prints.ints("price")
    truth, files = told(bare.make(prices.tolist())), Files(tmp_path, prints, TERMS)
    program, parameters = engines.program(maker, prints, work.QUOTING_COSTS), maker().params  # type: ignore[attr-defined]
    scratch = program.scratch()
    engines.silent(program, parameters, scratch)
    bare.make_machine(prices)
    runners = race(
        Runner(LOGGED, timed(lambda: engines.logged(program, parameters))),
        Runner(SILENT, timed(lambda: engines.silent(program, parameters, scratch))),
        Runner(BARE, timed(lambda: told(bare.make_machine(prices)))),
        Runner(HFTBACKTEST, files.ask("peer_hftbacktest"), slow=not LONG),
        Runner(EVENT, timed(lambda: engines.event(Maker(), prints, work.QUOTING_COSTS)), slow=True),
        Runner(NAUTILUS_NEXT, files.ask("peer_nautilus_next", PEERS_NEXT), slow=True),
        Runner(NAUTILUS, files.ask("peer_nautilus"), slow=True),
    )
    counts = f"{truth['sent']:,} orders, {truth['repriced']:,} times repriced, {truth['filled']:,} fills"
    print_table(
        f"{prints.rows:,} prints, {counts}",
        runners,
        count=prints.rows,
        unit="prints",
        against=(HFTBACKTEST, EVENT, NAUTILUS_NEXT, NAUTILUS),
        truth=truth,
    )
    assert not wrong_ones(runners, OURS, truth)
