"""A live run as a process on an exchange that is another: its ledger is the exchange's, whatever ends the run."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.street import (
    HERE,
    KEYS,
    RESTING,
    STATE,
    agrees,
    configure,
    drive,
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
from tests.cli.terminal import ask, finish, start, stop
from tests.cli.test_exchange import served

WORLD = ("--world", "synthetic", "--seed", "1")
LIVE = ("run", "live", "--config", "live.yaml", *HERE)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def test_its_ledger_is_the_exchanges_to_the_last_digit_after_term_and_after_kill(here: Path) -> None:
    with served(here, *WORLD) as twin:
        configure(twin, targets='{"BTC/USDT": "0.3"}')
        market(twin)
        with trading(here) as run:
            until(lambda: told(twin) and status()["state"] == "ready", run)
            shown = status()
            assert (shown["mode"], shown["pid"], shown["open_orders"]) == ("live", run.pid, 0)
            assert shown["venue"]["binance"]["connected"] is True
            assert 0 < float(shown["venue"]["binance"]["rate_limit_used"]) < 1
            second = ask(*LIVE)
            assert (second.code, second.out) == (6, "")
            assert f"process {run.pid} is running here" in second.err
            agrees(twin)
            assert ask("reconcile", *HERE, "--json").json["discrepancies"] == []
            ended = stop(run)
        assert (ended.code, ended.json["state"]) == (0, "stopped")
        fills = len(ledger()["fills"])
        with closing(sqlite3.connect(STATE / "workbench.db")) as database:
            assert database.execute("select count(*) from fills").fetchone() == (fills,)
            assert database.execute("select count(*) from balances").fetchone() == (len(ledger()["balances"]),)

        with trading(here) as run:
            drive('{"BTC/USDT": "0.1"}')
            until(lambda: len(truth(twin)["trades"]) > fills, run)
            assert stop(run, signal.SIGKILL).code == -signal.SIGKILL
        with trading(here) as run:
            until(lambda: told(twin) and status()["state"] == "ready", run)
            agrees(twin)
            assert stop(run).code == 0
        assert ask("journal", "verify", *HERE).code == 0


def test_what_its_open_orders_hold_is_locked_and_a_stop_takes_back_all_but_protection(here: Path) -> None:
    resting()
    with served(here, *WORLD) as twin:
        configure(twin, more=RESTING)
        market(twin)
        with trading(here) as run:
            until(lambda: len(open_orders(twin)) == 4 and told(twin), run)
            until(lambda: status()["open_orders"] == 4 and status()["unknown_orders"] == 0, run)
            agrees(twin)
            locked = {each["asset"]: float(each["locked"]) for each in ledger()["balances"] if each["locked"] != "0"}
            assert set(locked) == {"BTC", "USDT"}
            ended = stop(run)
        assert ended.code == 0, ended.err
        assert [each["wanted"]["kind"] for each in open_orders(twin)] == ["STOP_LOSS"]
        agrees(twin)


def test_a_database_that_is_down_stops_nothing_and_is_told_of(here: Path) -> None:
    with served(here, *WORLD) as twin:
        configure(
            twin, targets='{"BTC/USDT": "0.1"}', more="store: {url: 'postgresql+psycopg://nobody@127.0.0.1:1/none'}"
        )
        market(twin)
        with trading(here) as run:
            until(lambda: told(twin), run)
            ended = stop(run)
        assert ended.code == 0
        assert "database: it is tried again" in ended.err
        agrees(twin)


REFUSED = [
    ("live: {enabled: false}", 3, "live trading needs a second switch"),
    ("environment: prod", 3, "prod runs releases only"),
    ("data: [{dataset: binance_spot_BTCUSDT_1h}]", 2, "a live run hears its venues"),
    ("venues: {binance: {exchange: kraken}}", 3, "nobody has verified trading on kraken"),
    ("venues: {binance: {credentials: secret://env/NOBODY}}", 2, "secret://env/NOBODY has no key and no secret"),
    ("venues: {binance: {rest_url: 'http://127.0.0.1:1', stream_url: 'ws://127.0.0.1:1'}}", 7, ""),
]


@pytest.mark.parametrize(("over", "code", "says"), REFUSED, ids=[each[0] for each in REFUSED])
def test_what_may_not_start_says_why_and_leaves_nothing_behind(here: Path, over: str, code: int, says: str) -> None:
    with served(here) as twin:
        configure(twin)
        Path("over.yaml").write_text(over)
        answer = finish(start(*LIVE, "--config", "over.yaml", cwd=here, **KEYS))
    assert (answer.code, answer.out) == (code, "")
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert STATE.exists() == (code == 7)


def test_a_key_that_may_withdraw_is_refused(here: Path) -> None:
    with served(here) as twin:
        configure(twin)
        twin.admin("/admin/restrict", "POST", {"key": "twin-key", "permissions": ["read", "trade", "withdraw"]})
        answer = finish(start(*LIVE, cwd=here, **KEYS))
    assert answer.code == 3
    assert "its key may withdraw" in answer.err
