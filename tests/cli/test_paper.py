"""A paper run as a process: ready, watched, stopped, killed, and taken up again where it was."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.cli.terminal import PATIENCE_S, SAMPLE, SMA, ask, living, start, stop, tree, wait_for

DATA = ("--data", SAMPLE, "--start", "2018-01-01", "--end", "2018-02-01")
PAPER = ("run", "paper", "--strategy", SMA, *DATA, "--json")
SLOWLY = (*PAPER, "--speed", "200000")  # a bar in 18 ms, the month in 13 s: long enough to be met alive
AT_ONCE = (*PAPER, "--speed", "0")
STATE = Path(".workbench/dev")


def trading() -> dict[str, list[dict[str, object]]]:
    ledger: dict[str, list[dict[str, object]]] = ask("ledger", "--json").json
    return ledger


def wait_for_a_fill() -> int:
    """How many fills a living run has, once it has one."""
    until = time.monotonic() + PATIENCE_S
    while not (fills := trading()["fills"]):
        assert time.monotonic() < until
        time.sleep(0.1)
    return len(fills)


def untimed(ledger: dict[str, list[dict[str, object]]]) -> list[tuple[object, ...]]:
    """The fills of a ledger without the run's own ids."""
    names = ("ts_ns", "symbol", "side", "quantity", "price", "fee")
    return [tuple(fill[name] for name in names) for fill in ledger["fills"]]


def test_a_run_is_met_alive_keeps_others_out_and_goes_on_after_term_and_kill(here: Path) -> None:
    with living(*SLOWLY, cwd=here) as process:
        wait_for(STATE / "READY", process)
        status = ask("status", "--json").json
        assert (status["state"], status["mode"], status["pid"]) == ("ready", "paper", process.pid)
        assert (STATE / "READY").read_text() == status["run_id"]
        second = ask(*AT_ONCE)  # another process, for the lease: a file opened again
        assert (second.code, second.out) == (6, "")
        assert f"process {process.pid} is running here" in second.err
        assert wait_for_a_fill() > 0
        assert ask("journal", "verify").code == 0
        assert process.poll() is None
        ended = stop(process)
    assert ended.code == 0, ended.err
    assert ended.json["state"] == "stopped"
    assert not (STATE / "READY").exists()
    stopped = ask("status", "--json").json
    assert (stopped["state"], stopped["pid"]) == ("stopped", None)
    before = trading()

    with living(*SLOWLY, cwd=here) as process:
        wait_for(STATE / "READY", process)
        assert untimed(trading())[: len(before["fills"])] == untimed(before)
        time.sleep(0.5)
        assert stop(process, signal.SIGKILL).code == -signal.SIGKILL
    killed = ask("status", "--json").json
    assert killed["state"] == "stopped"  # the status was left as ready; nobody holds the lease
    assert killed["run_id"] == status["run_id"]

    rest = ask(*AT_ONCE)
    assert rest.code == 0, rest.err
    assert rest.json["run_id"] == status["run_id"]
    assert not (STATE / "READY").exists()
    interrupted = trading()
    assert ask(*AT_ONCE, "--state", "straight").code == 0
    assert untimed(interrupted) == untimed(ask("ledger", "--state", "straight", "--json").json)
    assert ask("journal", "replay", "--json").json["digest"] == ask("journal", "verify", "--json").json["digest"]


def test_for_stops_a_run_after_so_many_seconds() -> None:
    began = time.monotonic()
    answer = ask(*PAPER, "--speed", "1", "--for", "0.5")
    assert (answer.code, answer.json["state"]) == (0, "stopped")
    assert 0.5 <= time.monotonic() - began < 5


def test_a_paper_run_trades_as_the_backtest_does() -> None:
    backtest = ask("backtest", SMA, *DATA, "--json").json
    assert ask(*AT_ONCE).code == 0
    assert ask("journal", "replay", "--json").json["ledger_digest"] == backtest["ledger_digest"]
    ledger = trading()
    assert (len(ledger["orders"]), len(ledger["fills"])) == (backtest["orders"], backtest["fills"])
    order, fill = ledger["orders"][0], ledger["fills"][0]
    assert {
        "symbol",
        "side",
        "client_order_id",
        "venue_order_id",
        "status",
        "quantity",
        "filled",
        "average_price",
    } <= set(order)
    assert {"venue_trade_id", "side", "quantity", "price", "fee", "fee_currency"} <= set(fill)
    assert {"asset", "free", "locked", "total"} <= set(ledger["balances"][0])
    assert order["status"] in {"filled", "expired"}  # what cash did not cover expires
    assert isinstance(fill["price"], str)
    assert ask("why", str(order["client_order_id"])).code == 0
    assert ask("why", str(fill["venue_trade_id"])).code == 0
    assert ask("why", "nothing-like-it").code == 2


def test_a_run_goes_on_only_with_what_it_started_with() -> None:
    assert ask(*AT_ONCE).code == 0
    before = tree(STATE / "journal")
    answer = ask(*AT_ONCE, "-p", "fast=5")
    assert answer.code == 2
    assert "with other strategies; go on" in answer.err
    assert tree(STATE / "journal") == before


def test_a_run_is_put_away_for_a_new_one_and_can_still_be_read() -> None:
    old = ask(*AT_ONCE, "--json").json
    new = ask(*AT_ONCE, "-p", "fast=5", "--new", "--json").json
    assert new["run_id"] != old["run_id"]
    assert ask("journal", "replay", old["run_id"]).code == 0
    assert ask("journal", "replay").code == 0


def test_a_broken_drawdown_limit_halts_the_run_and_the_halt_file_says_why(here: Path) -> None:
    Path("tight.yaml").write_text('risk: {max_drawdown: "0.01"}')
    process = start(*SLOWLY, "--config", "tight.yaml", cwd=here)
    try:
        wait_for(STATE / "HALT", process)
        status = ask("status", "--json").json
        assert status["state"] == "halted"
        assert (STATE / "HALT").read_text() == status["halt_reason"]
        assert not (STATE / "READY").exists()
    finally:
        ended = stop(process)
    assert ended.code == 0, ended.err
    assert ask("status", "--json").json["state"] == "halted"
    assert (STATE / "HALT").exists()  # a stop does not release it


@pytest.mark.parametrize(
    "words",
    [("journal", "verify"), ("journal", "replay"), ("ledger",), ("why", "x"), AT_ONCE],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_corrupt_journal_is_refused_by_everything_that_reads_it(words: tuple[str, ...]) -> None:
    assert ask(*AT_ONCE).code == 0
    segment = next((STATE / "journal").iterdir())
    content = bytearray(segment.read_bytes())
    content[100] ^= 1
    segment.write_bytes(content)
    answer = ask(*words)
    assert answer.code == 5
    assert segment.name in answer.err
    assert "Traceback" not in answer.err
    assert segment.read_bytes() == content


def test_a_journal_that_is_a_file_is_named() -> None:
    STATE.mkdir(parents=True)
    (STATE / "journal").write_text("")
    for words in (("journal", "verify"), ("ledger",), AT_ONCE):
        answer = ask(*words)
        assert answer.code == 2, words
        assert str(STATE / "journal") in answer.err
        assert "Traceback" not in answer.err


def test_a_run_by_hand_follows_its_file(here: Path) -> None:
    Path("targets.json").write_text("{}")
    manual = ("run", "paper", "--strategy", "workbench.strategies.manual:ManualTarget", "-p", "path=targets.json")
    with living(*manual, *DATA, "--speed", "200000", cwd=here) as process:
        wait_for(STATE / "READY", process)
        Path("targets.json").write_text(json.dumps({"BTC/USDT": "0.5"}))
        assert wait_for_a_fill() > 0
        assert finish_quietly(process) == 0


def finish_quietly(process: object) -> int:
    return stop(process).code  # type: ignore[arg-type]


def test_the_database_follows_the_run() -> None:
    assert ask(*AT_ONCE).code == 0
    assert (STATE / "workbench.db").stat().st_size > 0
    Path("bad.yaml").write_text("store: {url: 'mysql://x'}")
    answer = ask(*AT_ONCE, "--config", "bad.yaml", "--state", "other")
    assert answer.code == 2
    assert "store.url: expected sqlite or postgresql" in answer.err
    assert not Path("other").exists()


def test_status_and_ledger_of_a_place_where_nothing_ran_are_empty() -> None:
    assert ask("status", "--json", "--state", "nowhere").json["state"] == "stopped"
    assert ask("ledger", "--json", "--state", "nowhere").json == {
        "orders": [],
        "fills": [],
        "positions": [],
        "balances": [],
    }
    assert not Path("nowhere").exists()
