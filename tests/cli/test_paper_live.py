"""`run paper` on a venue's living data: killed whenever it likes, it goes on, and its journal proves all of it."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import PATIENCE_S, SMA, ask, living, stop, wait_for
from tests.cli.test_exchange import Served, served

STATE = Path(".workbench/dev")
PAPER = ("run", "paper", "--config", "paper.yaml", "--json")
HAND = "workbench.strategies.manual:ManualTarget"


def configure(rest: str, streams: str, **more: Any) -> None:
    """A configuration as it is for live, but for the second switch; JSON is YAML."""
    urls = {"rest_url": rest, "stream_url": streams}
    binance = {"connector": "ccxt", "credentials": "secret://env/NOBODY_SET_THIS", **urls}
    parameters = {"path": "targets.json"}
    hand = {"id": "hand", "strategy": HAND, "symbols": ["BTC/USDT"], "parameters": parameters}
    settings = {"venues": {"binance": binance}, "strategies": [hand | {"on": ["quotes", "bars:1s"]}], **more}
    Path("paper.yaml").write_text(json.dumps(settings))
    Path("targets.json").write_text("{}")


def configured(twin: Served) -> None:
    configure(twin.said["rest"], twin.said["streams"])


def wish(exposure: str) -> None:
    Path("targets.part").write_text(json.dumps({"BTC/USDT": exposure}))
    Path("targets.part").replace("targets.json")


def eventually(holds: Callable[[], Any], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.1)


def fills() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask("ledger", "--json").json["fills"]
    return found


def test_a_run_that_is_killed_at_random_moments_goes_on_and_its_journal_proves_it(here: Path) -> None:
    chance = random.Random(5)
    with served(here, "--world", "synthetic", "--seed", "5") as twin:
        configured(twin)
        for exposure in ("0.3", "0.1"):
            (STATE / "READY").unlink(missing_ok=True)  # a killed run leaves it
            before = len(fills())
            wish(exposure)
            with living(*PAPER, cwd=here) as process:
                wait_for(STATE / "READY", process)
                eventually(lambda before=before: len(fills()) > before, "a fill")  # type: ignore[misc]
                time.sleep(chance.random())
                assert stop(process, signal.SIGKILL).code == -signal.SIGKILL
        (STATE / "READY").unlink()
        before = len(fills())
        wish("0.2")
        with living(*PAPER, cwd=here) as process:
            wait_for(STATE / "READY", process)
            status = ask("status", "--json").json
            assert (status["mode"], status["venue"]["binance"]["connected"]) == ("paper", True)
            eventually(lambda: len(fills()) > before, "a fill")
            ended = stop(process)
        truth = twin.admin("/admin/truth")[1]
    assert ended.code == 0, ended.err
    assert "Assumptions of the simulated venue" in ended.err
    assert ended.json["state"] == "stopped"
    verified, replayed = ask("journal", "verify", "--json"), ask("journal", "replay", "--json")
    assert replayed.json["digest"] == verified.json["digest"], replayed.err
    told = fills()
    assert {each["side"] for each in told} == {"buy", "sell"}
    assert len({each["venue_trade_id"] for each in told}) == len(told)
    assert not truth["orders"]
    assert ask("why", told[-1]["venue_trade_id"]).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*PAPER[:-1], "--speed", "2"), "--speed, --start and --end are for stored data"),
        (("run", "paper", "--strategy", SMA, "--config", "paper.yaml"), "'*' means all of the stored data"),
    ],
    ids=["speed", "every-symbol"],
)
def test_what_is_for_stored_data_is_refused_on_a_venue(words: tuple[str, ...], said: str) -> None:
    configure("http://127.0.0.1:1", "ws://127.0.0.1:1")
    answer = ask(*words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert not STATE.exists()


def test_a_venue_that_was_never_there_ends_the_run_at_once() -> None:
    configure("http://127.0.0.1:1", "ws://127.0.0.1:1")
    answer = ask(*PAPER)
    assert answer.code == 7
    assert "binance" in answer.err
    assert "Traceback" not in answer.err


def test_without_data_and_without_venues_it_says_what_to_name() -> None:
    answer = ask("run", "paper", "--strategy", SMA)
    assert answer.code == 2
    assert "a connector such as ccxt under venues" in answer.err
