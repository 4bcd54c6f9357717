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
