"""ManualTarget: exactly what the JSON object says, and nothing that it does not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.strategies.stage import SPOT, closes, run, said
from workbench.core.errors import ConfigError
from workbench.core.events import SetParameters, Target
from workbench.strategies.manual import ManualTarget, read_targets


@pytest.mark.parametrize(
    ("text", "ppm"),
    [
        ('{"BTC/USDT": "0.5"}', 500_000),
        ('{"BTC/USDT": 0.5}', 500_000),
        ('{"BTC/USDT": 0.1}', 100_000),
        ('{"BTC/USDT": 1}', 1_000_000),
        ('{"BTC/USDT": "-1.0"}', -1_000_000),
        ('{"BTC/USDT": 0.3333339}', 333_333),
        ('{"BTC/USDT": -0.3333339}', -333_333),
        ('{"BTC/USDT": 1e-6, "ETH/USDT": "1"}', 1),
        ('{"BTC/USDT": 0.999999999999999999999}', 999_999),  # as a double this would be 1
    ],
)
def test_a_fraction_is_taken_exactly_as_text_or_as_a_number(text, ppm):
    assert read_targets(text)["BTC/USDT"] == Target("BTC/USDT", ppm)


def test_an_entry_may_name_a_quantity_a_limit_and_a_stop():
    text = '{"BTC/USDT": {"quantity": "0.01", "limit": "59000.5", "stop": 58000}, "ETH/USDT": {"exposure": -0.5}}'
    assert read_targets(text) == {
        "BTC/USDT": Target("BTC/USDT", None, Decimal("0.01"), Decimal("59000.5"), Decimal(58000)),
        "ETH/USDT": Target("ETH/USDT", -500_000),
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "expected a JSON object"),
        ("{'BTC/USDT': 0.5}", "expected a JSON object"),
        ("[0.5]", r"expected a JSON object, got \[0.5\]"),
        ('{"BTC/USDT": 0.5', "expected a JSON object"),
        ('{"BTC/USDT": "half"}', r"targets\['BTC/USDT'\]: expected a number"),
        ('{"BTC/USDT": 1.000001}', r"targets\['BTC/USDT'\]: expected a fraction from -1 to 1, got 1.000001"),
        ('{"BTC/USDT": "-2"}', "from -1 to 1"),
        ('{"BTC/USDT": true}', "bool"),
        ('{"BTC/USDT": null}', "NoneType"),
        ('{"BTC/USDT": NaN}', "nan"),
        ('{"BTC/USDT": Infinity}', "inf"),
        ('{"BTC/USDT": 1e999}', "digits"),
        ('{"BTC/USDT": {"a": 1}}', "expected an exposure or a quantity, and limit or stop, got a"),
        ('{"BTC/USDT": {}}', "expected an exposure or a quantity, and limit or stop, got nothing"),
        ('{"BTC/USDT": {"exposure": 1, "quantity": 1}}', "expected an exposure or a quantity"),
        ('{"BTC/USDT": {"exposure": 1, "limit": 0}}', r"targets\['BTC/USDT'\].limit: expected a price above 0, got 0"),
        ('{"BTC/USDT": {"quantity": "some"}}', r"targets\['BTC/USDT'\].quantity: expected a number"),
        ('{"BTC/USDT": "0.1", "BTC/USDT": "0.9"}', "'BTC/USDT' is named twice"),
        ("[" * 50_000, "recursion"),
        ('{"BTC/USDT": ' + "9" * 5_000 + "}", "limit"),
        ("{" + " " * 100_000 + "}", "length"),
    ],
)
def test_anything_else_is_refused_and_changes_nothing(text, names):
    with pytest.raises(ConfigError, match=names):
        ManualTarget(targets=text)
    living = ManualTarget(targets='{"BTC/USDT": "0.5"}')
    with pytest.raises(ConfigError, match=names):
        living.set_parameters({"targets": text})
    assert said(living, closes(100)) == [Target("BTC/USDT", 500_000)]


def test_a_symbol_that_is_not_named_is_left_alone_and_one_that_is_not_traded_is_ignored():
    assert said(ManualTarget(), closes(100)) == [None]
    done = run(ManualTarget(targets='{"DOGE/USDT": "1"}'), closes(100, 100, 100), SPOT)
    assert done.signals == []


def test_an_instrument_can_be_named_by_its_key():
    text = '{"BTC/USDT": "1", "sim:BTC/USDT": "0.5"}'
    assert said(ManualTarget(targets=text), closes(100)) == [Target("sim:BTC/USDT", 500_000)]
    done = run(ManualTarget(targets=text), closes(100, 100, 100), SPOT)
    assert done.ledger.net(SPOT.key) == 50 * 10**SPOT.quantity_places


def test_the_same_opinion_is_the_same_object_until_the_parameter_changes():
    strategy = ManualTarget(targets='{"BTC/USDT": "0.5"}')
    first, second = said(strategy, closes(100, 100))
    assert first is second
    strategy.set_parameters({"targets": '{"BTC/USDT": "0.25"}'})
    assert said(strategy, closes(100)) == [Target("BTC/USDT", 250_000)]
    assert strategy.cold() == ["path"]


def test_a_command_moves_the_target_of_a_living_run_and_a_bad_one_moves_nothing():
    def told(text):
        return SetParameters("operator", len(text), 0, 0, strategy_id="ManualTarget", values={"targets": text})

    bars = closes(100, 100, 100, 100, 100)
    events = [bars[0], told('{"BTC/USDT": "0.5"}'), *bars[1:3], told("nonsense"), *bars[3:]]
    done = run(ManualTarget(), events, SPOT)
    assert [fill.quantity_raw for fill in done.fills] == [50 * 10**SPOT.quantity_places]
    done.balance()
