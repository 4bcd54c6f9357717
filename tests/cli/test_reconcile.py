"""Ours against the venue's: nothing differs while nothing is amiss, and what does differ is named with both figures."""

from __future__ import annotations

import pytest

from tests.cli.street import HERE, KEYS, configure, market, status, told, trading, until
from tests.cli.terminal import ask, stop
from tests.cli.test_exchange import served


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def test_what_happened_while_nobody_ran_is_told_and_nothing_is_changed(here) -> None:
    with served(here, "--world", "synthetic", "--seed", "1") as twin:
        configure(twin, targets='{"BTC/USDT": "0.1"}')
        market(twin)
        with trading(here) as run:
            until(lambda: told(twin) and status()["state"] == "ready", run)
            assert ask("reconcile", *HERE, "--json").json == {
                "discrepancies": [],
                "other_orders": {},
                "compared": ["binance"],
            }
            assert stop(run).code == 0
        assert twin.admin("/admin/transfer", "POST", {"asset": "USDT", "amount": "-12.5"})[0] == 200
        order = {"symbol": "BTC/USDT", "side": "SELL", "quantity": "0.001"}
        assert twin.admin("/admin/by_hand", "POST", order)[0] == 200
        assert twin.admin("/admin/by_hand", "POST", {**order, "price": "90000"})[0] == 200
        found = ask("reconcile", *HERE, "--json").json
        kinds = {(each["kind"], each["what"].split(" ")[0]) for each in found["discrepancies"]}
        assert kinds == {("balance", "BTC"), ("balance", "USDT"), ("fill", "binance:BTC/USDT")}
        assert len(found["other_orders"]["binance"]) == 1
        assert all(each["ours"] != each["theirs"] for each in found["discrepancies"])
        shown = ask("reconcile", *HERE)
        assert shown.code == 0
        assert "not booked" in shown.out


def test_a_place_where_nothing_ran_is_named(here) -> None:
    answer = ask("reconcile", "--state", "nowhere")
    assert answer.code == 2
    assert "nowhere" in answer.err
