"""A configuration says what is wrong with it: the file, the path inside it, and what was expected."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from workbench.core.errors import ConfigError
from workbench.runtime.config import load, schema

WHOLE = """
venues:
  binance:
    connector: ccxt
    exchange: binance
    rest_url: http://127.0.0.1:9001
    stream_url: ws://127.0.0.1:9001
    credentials: secret://env/BINANCE
    recv_window_ms: 5000
    max_accept_delay_ms: 10000
environment: dev
strategies:
  - id: trend
    release: sma_cross-3f9a
    symbols: ["binance:BTC/USDT"]
    parameters: {fast: 20, slow: 50}
    budget: {quote: "5000", max_drawdown: "0.2"}
    isolation: inline
live: {enabled: false}
watchdog: {credentials: secret://env/BINANCE_WATCHDOG}
risk: {max_order_notional: "1000", max_position_notional: "5000", max_orders_per_minute: 30,
       price_collar: "0.05", max_data_age_s: 5}
store: {url: "sqlite:///run.db"}
bus: {transport: memory}
"""


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_configuration_with_every_documented_key_is_understood(tmp_path: Path) -> None:
    config = load([written(tmp_path, "config.yaml", WHOLE)])
    assert config.strategies[0].budget.max_drawdown == Decimal("0.2")
    assert config.risk.max_data_age_s == 5
    assert config.venues["binance"].credentials == "secret://env/BINANCE"


def test_the_schema_names_every_section() -> None:
    assert {"venues", "strategies", "risk", "live", "store", "bus", "watchdog"} <= schema()["properties"].keys()


def test_later_files_overlay_earlier_ones_map_by_map(tmp_path: Path) -> None:
    base = written(tmp_path, "base.yaml", 'cash: "1"\nrisk: {max_order_notional: "10", max_orders_per_minute: 3}\n')
    over = written(tmp_path, "over.yaml", 'risk: {max_order_notional: "20"}\n')
    both, reverse = load([base, over]), load([over, base])
    assert (both.risk.max_order_notional, both.risk.max_orders_per_minute, both.cash) == (20, 3, 1)
    assert reverse.risk.max_order_notional == 10


def test_lists_are_replaced_and_not_merged(tmp_path: Path) -> None:
    base = written(tmp_path, "a.yaml", 'risk: {allowed_symbols: ["a:A/B", "a:C/D"]}\n')
    over = written(tmp_path, "b.yaml", 'risk: {allowed_symbols: ["a:E/F"]}\n')
    assert load([base, over]).risk.allowed_symbols == ["a:E/F"]


def test_an_empty_file_and_no_file_at_all_mean_the_defaults(tmp_path: Path) -> None:
    assert load([written(tmp_path, "empty.yaml", "")]) == load([])


def test_an_error_names_the_file_that_wrote_the_bad_value(tmp_path: Path) -> None:
    base = written(tmp_path, "base.yaml", 'risk: {max_order_notional: "10"}\n')
    over = written(tmp_path, "over.yaml", "risk: {max_order_notional: 20.5}\n")
    with pytest.raises(ConfigError, match=r"over\.yaml: risk\.max_order_notional: .*exact number"):
        load([base, over])


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("colour: red\n", "colour", "is not a known key"),
        ("risk: {max_loss: '1'}\n", "risk.max_loss", "is not a known key"),
        ("cash: 100.5\n", "cash", "exact number"),
        ("cash: lots\n", "cash", "expected a number"),
        ("risk: {price_collar: '1.5'}\n", "risk.price_collar", "less than or equal to 1"),
        ("risk: {max_orders_per_minute: 'many'}\n", "risk.max_orders_per_minute", "valid integer"),
        ("risk: {max_orders_per_minute: 0}\n", "risk.max_orders_per_minute", "greater than or equal to 1"),
        ("environment: moon\n", "environment", "'dev', 'staging' or 'prod'"),
        ("live: {enabled: 'yes'}\n", "live.enabled", "valid boolean"),
        ("strategies: [{id: a}]\n", "strategies.0.symbols", "required"),
        ("strategies: [{id: 'a b', symbols: [x]}]\n", "strategies.0.id", "match pattern"),
        ("venues: {b: {credentials: hunter2}}\n", "venues.b.credentials", "match pattern"),
        ("risk: 5\n", "risk", "dictionary"),
    ],
)
def test_every_error_names_file_path_and_expectation(tmp_path: Path, text: str, where: str, what: str) -> None:
    file = written(tmp_path, "bad.yaml", text)
    with pytest.raises(ConfigError) as caught:
        load([file])
    message = str(caught.value)
    assert message.startswith(f"{file}: {where}")
    assert what in message


def binance(settings: str) -> str:
    return f"venues: {{binance: {{{settings}}}}}\n"


def terms(settings: str) -> str:
    return binance(f"instruments: {{BTC/USDT: {{{settings}}}}}")


AT = "venues.binance"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("reconcile: {orders_s: .inf}\n", "reconcile.orders_s"),
        ("reconcile: {trades_s: .nan}\n", "reconcile.trades_s"),
        ("reconcile: {balances_s: 0.000000001}\n", "reconcile.balances_s"),
        ("reconcile: {balances_s: 86401}\n", "reconcile.balances_s"),
        ("snapshot: {every_s: 0.000000001}\n", "snapshot.every_s"),
        ("snapshot: {every_s: .inf}\n", "snapshot.every_s"),
        ("costs: {slippage_bps: '-1'}\n", "costs.slippage_bps"),
        ("costs: {maker_fee: '-0.51'}\n", "costs.maker_fee"),
        ("costs: {taker_fee: '0.51'}\n", "costs.taker_fee"),
        (binance("recv_window_ms: 60001"), f"{AT}.recv_window_ms"),
        (binance("max_accept_delay_ms: 600001"), f"{AT}.max_accept_delay_ms"),
        (terms("tick: 0, lot: 1"), f"{AT}.instruments.BTC/USDT.tick"),
        (terms("tick: 1, lot: -1"), f"{AT}.instruments.BTC/USDT.lot"),
        (terms("tick: 1, lot: 1, contract_size: 0"), f"{AT}.instruments.BTC/USDT.contract_size"),
        (terms("tick: 1, lot: 1, min_quantity: -1"), f"{AT}.instruments.BTC/USDT.min_quantity"),
        (terms("tick: 1, lot: 1, min_notional: -1"), f"{AT}.instruments.BTC/USDT.min_notional"),
        ("base_currency: ''\n", "base_currency"),
        ("base_currency: 'US DT'\n", "base_currency"),
    ],
)
def test_a_number_or_name_that_makes_no_sense_is_refused_where_it_stands(tmp_path: Path, text: str, where: str) -> None:
    file = written(tmp_path, "bad.yaml", text)
    with pytest.raises(ConfigError) as caught:
        load([file])
    assert str(caught.value).startswith(f"{file}: {where}: ")


def test_the_outermost_sensible_numbers_are_taken(tmp_path: Path) -> None:
    text = binance("recv_window_ms: 60000, max_accept_delay_ms: 600000") + (
        "reconcile: {orders_s: 0.1, trades_s: 60, balances_s: 86400}\n"
        "costs: {maker_fee: '-0.5', taker_fee: '0.5', slippage_bps: 0}\n"
    )
    config = load([written(tmp_path, "good.yaml", text)])
    assert (config.reconcile.orders_s, config.reconcile.balances_s) == (0.1, 86_400)
    assert config.costs.maker_fee == Decimal("-0.5")


@pytest.mark.parametrize("name", ["binance", "binance/hedge", "my-own_2.x"])
def test_a_venue_is_named_by_itself_or_with_an_account(tmp_path: Path, name: str) -> None:
    assert list(load([written(tmp_path, "good.yaml", f"venues: {{{name}: {{}}}}\n")]).venues) == [name]


@pytest.mark.parametrize("name", ["''", "../x", "/main", "binance/", "a/b/c", "'a b'", '"a\\n"', ".hidden", "x" * 41])
def test_a_venue_name_that_no_file_or_account_could_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s)bad\.yaml: venues\..*should match pattern"):
        load([written(tmp_path, "bad.yaml", f"venues: {{{name}: {{}}}}\n")])


@pytest.mark.parametrize("beside", ["", "binance: {}, "])
def test_the_main_account_is_named_by_its_venue_alone(tmp_path: Path, beside: str) -> None:
    with pytest.raises(ConfigError, match="'binance/main' is the main account, which is named by its venue alone"):
        load([written(tmp_path, "bad.yaml", f"venues: {{{beside}binance/main: {{}}}}\n")])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: [1\n", "is not YAML"),
        ("- one\n- two\n", "expected a map of settings, got list"),
        ("start: 2024-02-31\n", "is not YAML"),
        ("[" * 400, "is not YAML"),
        ("x: !!python/object/apply:os.system [true]\n", "is not YAML"),
        ("#" * 1_000_001, "is not a configuration"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_by_name(tmp_path: Path, text: str, what: str) -> None:
    file = written(tmp_path, "bad.yaml", text)
    with pytest.raises(ConfigError) as caught:
        load([file])
    assert str(caught.value).startswith(str(file))
    assert what in str(caught.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml: cannot be read: No such file"):
        load([tmp_path / "nothing.yaml"])


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "binary.yaml"
    file.write_bytes(b"\xff\xfe\x00cash")
    with pytest.raises(ConfigError, match=r"binary\.yaml: is not YAML"):
        load([file])
