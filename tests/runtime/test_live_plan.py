"""What a run on venues hears: what it is told to, what its release was tried on, or a price and bars of a minute."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from workbench.core.errors import ConfigError, CorruptState, Refused
from workbench.core.instrument import Instrument
from workbench.risk.budgets import Budget
from workbench.runtime.config import Config
from workbench.runtime.live_plan import DEFAULT_DATA, live_paper_plan, live_plan
from workbench.runtime.release import Evidence, describe, write
from workbench.runtime.seats import named
from workbench.runtime.strategies import class_of

BTC = Instrument(venue="b", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.001"))
ETH = Instrument(venue="b", symbol="ETH/USDT", tick=Decimal("0.01"), lot=Decimal("0.001"))
LISTED = {each.key: each for each in (BTC, ETH)}
RELEASES = Path("releases")
DRAFT = "strategies.hold:Hold"
SOURCE = """\
from workbench.core.strategy import Strategy


class Hold(Strategy):
    several = True

    def on_market_data(self, event):
        return self.target(event, 1.0)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "hold.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [each for each in sys.modules if each.partition(".")[0] == "strategies"]:
        del sys.modules[name]


def released(*data: dict[str, Any]) -> str:
    """A release that was promoted to paper on this data."""
    release = describe(class_of(DRAFT), parameters={}, instruments=(BTC.key, ETH.key), budget=Budget())
    evidence = Evidence(stage="paper", gates=(), data=data, metrics={}, ledger_digest="", workbench="0")
    return write(release, evidence, RELEASES).name


def config(*seats: dict[str, Any], **more: Any) -> Config:
    strategies = [{"id": f"s{number}", "symbols": ["BTC/USDT"]} | each for number, each in enumerate(seats)]
    return Config.model_validate({"strategies": strategies, **more})


def test_a_draft_hears_prices_and_minutes_unless_it_is_told_otherwise() -> None:
    plain = live_paper_plan(config({"strategy": DRAFT}), LISTED, releases=RELEASES)
    assert plain.topics == {BTC.key: DEFAULT_DATA}
    told = live_paper_plan(config({"strategy": DRAFT, "on": ["trades"]}), LISTED, releases=RELEASES)
    assert told.topics == {BTC.key: ("trades",)}


def test_a_release_hears_what_it_was_tried_on_on_paper_as_live() -> None:
    name = released({"topic": "bars:4h"}, {"topic": "trades"}, {"topic": "bars:4h"}, {"topic": ""})
    seat = {"release": name}
    assert live_paper_plan(config(seat), LISTED, releases=RELEASES).topics == {BTC.key: ("bars:4h", "trades")}
    told = config(seat | {"on": ["quotes"]})
    assert live_paper_plan(told, LISTED, releases=RELEASES).topics == {BTC.key: ("quotes",)}
    with pytest.raises(Refused, match="not promoted to live"):
        live_plan(config(seat, live={"enabled": True}), LISTED, releases=RELEASES)
    evidence = RELEASES / name / "evidence"
    (evidence / "live.json").write_bytes((evidence / "paper.json").read_bytes())
    assert live_plan(config(seat, live={"enabled": True}), LISTED, releases=RELEASES).topics == {
        BTC.key: ("bars:4h", "trades")
    }


def test_a_release_from_before_topics_were_kept_hears_what_a_draft_hears() -> None:
    seat = {"release": released({"dataset": "old"})}
    assert live_paper_plan(config(seat), LISTED, releases=RELEASES).topics == {BTC.key: DEFAULT_DATA}


def test_evidence_that_cannot_be_read_is_named() -> None:
    name = released()
    file = RELEASES / name / "evidence" / "paper.json"
    file.write_text("{")
    with pytest.raises(CorruptState, match=r"paper\.json: cannot be read"):
        live_paper_plan(config({"release": name}), LISTED, releases=RELEASES)


def test_an_instrument_is_heard_for_all_that_trade_it() -> None:
    seats = [{"strategy": DRAFT, "on": ["quotes"]}, {"strategy": DRAFT, "on": ["bars:1h", "quotes"]}]
    assert live_paper_plan(config(*seats), LISTED, releases=RELEASES).topics == {BTC.key: ("quotes", "bars:1h")}


def test_a_release_for_every_symbol_trades_what_it_was_promoted_on_and_a_draft_must_say() -> None:
    every = {"release": released(), "symbols": ["*"]}
    assert named(config(every), RELEASES).strategies[0].symbols == [BTC.key, ETH.key]
    with pytest.raises(ConfigError, match=r"strategies\.s0\.symbols: '\*' means all of the stored data"):
        named(config({"strategy": DRAFT, "symbols": ["*"]}), RELEASES)


def test_costs_and_terms_on_paper_are_those_of_the_configuration() -> None:
    terms = {"tick": "0.5", "lot": "0.01", "min_notional": "7"}
    settings = config(
        {"strategy": DRAFT},
        costs={"taker_fee": "0.002", "latency_ms": 30},
        venues={"b": {"connector": "ccxt", "instruments": {"BTC/USDT": terms}}},
    )
    plan = live_paper_plan(settings, LISTED, releases=RELEASES).plan
    (instrument,) = plan.instruments
    assert (instrument.tick, instrument.lot, instrument.min_notional) == (Decimal("0.5"), Decimal("0.01"), Decimal(7))
    assert (instrument.price_places, instrument.quantity_places) == (BTC.price_places, BTC.quantity_places)
    assert (plan.profile.taker_rate, plan.profile.latency_ns, plan.simulated) == (200_000, 30_000_000, True)


def test_stored_data_beside_venues_is_refused() -> None:
    with pytest.raises(ConfigError, match="it was given stored data too"):
        live_paper_plan(config({"strategy": DRAFT}, data=[{"dataset": "x"}]), LISTED, releases=RELEASES)
