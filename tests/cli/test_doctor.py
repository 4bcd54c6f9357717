"""The doctor asks a venue everything that a live run needs of it, and says of each whether it is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.street import HERE, KEYS, STATE, configure
from tests.cli.terminal import ask
from tests.cli.test_exchange import served

ASKED = ["credentials", "port for requests", "port for streams", "reachable", "clock", "key", "instruments", "limits"]


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def test_a_venue_that_is_well_is_found_so_and_each_fault_is_told_by_name(here: Path) -> None:
    with served(here) as twin:
        configure(twin)
        words = ("doctor", "--config", "live.yaml", *HERE, "--json")
        well = ask(*words)
        assert well.code == 0, well.out
        found = {each["what"]: each["found"] for each in well.json}
        assert {f"binance {each}" for each in ASKED} <= found.keys()
        assert found["binance instruments"] == "binance:BTC/USDT"
        assert "weight in 60 s" in found["binance limits"]
        assert found["halt latch"] == "not set"

        STATE.mkdir(exist_ok=True)
        (STATE / "HALT").write_text("a drill")
        twin.admin("/admin/restrict", "POST", {"key": "twin-key", "permissions": ["read", "trade", "withdraw"]})
        twin.admin("/admin/skew", "POST", {"ms": 2_000})
        sick = ask(*words)
        assert sick.code == 2
        wrong = {each["what"]: each["found"] for each in sick.json if not each["ok"]}
        assert set(wrong) == {"binance clock", "binance key"}
        assert "may withdraw" in wrong["binance key"]
        assert {each["what"]: each["found"] for each in sick.json}["halt latch"].startswith("set: a drill")
    gone = ask(*words)
    assert gone.code == 2
    assert {each["what"] for each in gone.json if not each["ok"]} == {f"binance {each}" for each in ASKED[1:3]}
    assert "twin-secret" not in well.out + sick.out + gone.out
