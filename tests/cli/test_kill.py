"""The kill switch: it needs nobody's help, leaves nothing of ours open, and what it sets stays set."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.street import (
    HERE,
    KEYS,
    RESTING,
    STATE,
    Served,
    configure,
    ledger,
    market,
    open_orders,
    resting,
    status,
    told,
    trading,
    truth,
    until,
)
from tests.cli.terminal import ask, finish, start, stop, tree
from tests.cli.test_exchange import served

WORLD = ("--world", "synthetic", "--seed", "1")
BY_HAND = {"symbol": "BTC/USDT", "side": "BUY", "quantity": "0.001", "price": "50000"}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def kinds(twin: Served) -> list[str]:
    """What rests for the account, by kind, somebody else's order apart."""
    return sorted(
        "other" if each["client_id"].startswith("web_") else each["wanted"]["kind"] for each in open_orders(twin)
    )


def switch(here: Path, *words: str) -> Any:
    answer = finish(start("kill", *words, *HERE, "--json", cwd=here, **KEYS))
    assert answer.code == 0, answer.err
    return answer.json


def test_a_stopped_run_is_cleared_to_two_empty_lists_and_stays_halted_until_somebody_rearms_it(here: Path) -> None:
    resting()
    with served(here, *WORLD) as twin:
        configure(twin, more=RESTING)
        market(twin)
        with trading(here) as run:
            until(lambda: kinds(twin) == ["LIMIT_MAKER"] * 3 + ["STOP_LOSS"], run)
            assert twin.admin("/admin/by_hand", "POST", BY_HAND)[0] == 200
            until(lambda: status()["open_orders"] == 4, run)
            before = {name: data for name, data in tree(STATE).items() if name.startswith("journal")}

            drilled = switch(here, "--drill")
            found = drilled["venues"]["binance"]
            assert (drilled["verified"], drilled["drill"], len(found["left"]), found["cancelled"]) == (
                True,
                True,
                3,
                [],
            )
            assert len(open_orders(twin)) == 5
            assert not (STATE / "HALT").exists()

            run.send_signal(signal.SIGSTOP)
            done = switch(here, "--reason", "a test")
            assert (done["verified"], done["latched"], done["ours"]) == (True, "a test", "the journal")
            found = done["venues"]["binance"]
            assert (len(found["cancelled"]), len(found["kept"]), found["others"]) == (3, 1, 1)
            assert kinds(twin) == ["STOP_LOSS", "other"]
            count = len(truth(twin)["orders"])

            run.send_signal(signal.SIGCONT)
            until(lambda: status()["state"] == "halted" and status()["open_orders"] == 1, run)
            assert status()["halt_reason"] == "a test"
            assert ask("resume", *HERE).code == 4
            assert stop(run).code == 0
        assert before.keys() <= tree(STATE).keys()
        assert status()["state"] == "halted"

        with trading(here) as run:
            until(lambda: status()["state"] == "halted" and status()["venue"]["binance"]["connected"], run)
            assert (STATE / "HALT").read_text() == "a test"
            assert "the halt latch is set: a test" in stop(run).err
        assert len(truth(twin)["orders"]) == count  # nothing was sent since the latch was set

        answer = ask("rearm", *HERE, "--reason", "all is well", "--json")
        assert (answer.code, answer.json["taken"]) == (0, False)
        assert (STATE / "HALT").exists()
        with trading(here) as run:
            until(lambda: not (STATE / "HALT").exists(), run)
            until(lambda: kinds(twin) == ["LIMIT_MAKER"] * 3 + ["STOP_LOSS", "other"], run)
            assert stop(run).code == 0


def test_flattening_closes_what_is_held_and_the_run_that_slept_books_it(here: Path) -> None:
    resting()
    with served(here, *WORLD) as twin:
        configure(twin, more=RESTING)
        market(twin)
        with trading(here) as run:
            until(lambda: kinds(twin) == ["LIMIT_MAKER"] * 3 + ["STOP_LOSS"] and told(twin), run)
            run.send_signal(signal.SIGSTOP)
            done = switch(here, "--flatten")
            found = done["venues"]["binance"]
            assert (done["verified"], kinds(twin)) == (True, [])
            assert float(sum(map(float, (each["filled"] for each in found["closed"])))) > 0
            assert all(float(each) < 0.00001 for each in found["held"].values())  # less than the market takes
            sold = len(truth(twin)["trades"])

            run.send_signal(signal.SIGCONT)
            until(lambda: _held() == found["held"].get("binance:BTC/USDT", "0"), run)
            until(lambda: status()["open_orders"] == 0, run)
            assert len(truth(twin)["trades"]) == sold  # the run closed nothing beside the switch
            assert stop(run).code == 0
        balances = {each["asset"]: float(each["total"]) for each in ledger()["balances"]}
        assert balances == {
            each["asset"]: float(each["free"]) + float(each["locked"]) for each in truth(twin)["balances"]
        }
        assert ask("reconcile", *HERE, "--json").json["discrepancies"] == []


def _held() -> str:
    held: str = status()["positions"]["binance:BTC/USDT"]
    return held


def test_without_a_journal_every_order_but_stops_is_taken_for_ours(here: Path) -> None:
    with served(here, *WORLD) as twin:
        configure(twin)
        market(twin)
        assert twin.admin("/admin/by_hand", "POST", BY_HAND)[0] == 200
        done = switch(here, "--config", "live.yaml")
        assert done["verified"]
        assert "no journal is here" in done["ours"]
        assert open_orders(twin) == []


def test_a_venue_that_cannot_be_reached_is_tried_until_the_time_is_over_and_the_latch_is_set_first(here: Path) -> None:
    with served(here) as twin:
        configure(twin)
    answer = finish(start("kill", "--config", "live.yaml", *HERE, "--for", "2", "--json", cwd=here, **KEYS))
    assert answer.code == 7
    assert answer.json["verified"] is False
    assert (STATE / "HALT").read_text() == "kill"
    assert status()["state"] == "halted"
    wrong = ask("kill", "--config", "missing.yaml", "--state", "other")
    assert wrong.code == 2
    assert Path("other/HALT").exists()  # whatever is wrong with the configuration
