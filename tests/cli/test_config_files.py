"""The configuration files that come with the project, the schema they follow, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.terminal import ROOT, SAMPLE, SMA, SOON, ask, tree

CONFIG = ROOT / "config"
BASE = CONFIG / "config.base.yaml"
EVERYTHING = """
venues:
  binance:
    connector: ccxt
    exchange: binance
    rest_url: http://127.0.0.1:9001
    stream_url: ws://127.0.0.1:9001
    credentials: secret://env/BINANCE
    ca_file: authority.pem
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
    on: [trades, quotes, "book:20", "bars:1m"]
live: {enabled: false, on_stop: flatten}
reconcile: {orders_s: 60.0, trades_s: 60.0, balances_s: 300.0}
snapshot: {every_s: 10.0}
watchdog: {credentials: secret://env/BINANCE_WATCHDOG}
risk: {max_order_notional: "1000", max_position_notional: "5000", max_orders_per_minute: 30,
       max_rejections_per_minute: 5, price_collar: "0.05", max_data_age_s: 5}
store: {url: "sqlite:///runs.db"}
bus: {transport: memory}
"""


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_each_environment_is_valid_over_the_base(environment: str) -> None:
    answer = ask("config", "check", BASE, CONFIG / f"config.{environment}.yaml", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["environment"] == environment
    assert answer.json["live"] == {"enabled": False, "on_stop": "keep"}


@pytest.mark.parametrize("strategy", sorted((CONFIG / "strategies").glob("*.yaml")), ids=lambda path: path.stem)
def test_each_strategy_file_is_valid_over_base_and_dev(strategy: Path) -> None:
    answer = ask("config", "check", BASE, CONFIG / "config.dev.yaml", strategy)
    assert answer.code == 0, answer.err


def test_limits_tighten_from_dev_to_staging_to_prod() -> None:
    risks = [
        ask("config", "check", BASE, CONFIG / f"config.{each}.yaml", "--json").json["risk"]
        for each in ("dev", "staging", "prod")
    ]
    named = [name for name, value in risks[0].items() if value is not None]
    assert len(named) == 7
    for name in named:
        dev, staging, prod = (float(each[name]) for each in risks)
        assert dev > staging > prod, name


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_staging_and_prod_name_no_module(environment: str) -> None:
    settings = yaml.safe_load((CONFIG / f"config.{environment}.yaml").read_text())
    assert not any("strategy" in each for each in settings.get("strategies", []))


def test_the_dev_files_paper_over_the_sample_and_trade() -> None:
    ran = ask("run", "paper", "--config", BASE, "--config", CONFIG / "config.dev.yaml", "--json")
    assert ran.code == 0, ran.err
    assert len(ask("ledger", "--json").json["fills"]) > 10


def test_every_key_there_is_is_accepted_together(here: Path) -> None:
    Path("all.yaml").write_text(EVERYTHING)
    answer = ask("config", "check", "all.yaml", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["risk"]["max_order_notional"] == "1000"  # exact numbers stay text


def test_the_schema_knows_every_key_and_refuses_all_others() -> None:
    schema = ask("config", "schema").json
    older = EVERYTHING.replace(" on:", ' "on":')  # what the program reads as a word is true to older readers of YAML
    covered(yaml.safe_load(older), schema, schema["$defs"])
    every = [schema, *schema["$defs"].values()]
    assert all(each["additionalProperties"] is False for each in every if each["type"] == "object")


def covered(value: Any, node: dict[str, Any], defs: dict[str, Any]) -> None:
    """Walks a configuration and its schema together: a small validator of what the schema uses."""
    if "$ref" in node:
        covered(value, defs[node["$ref"].rpartition("/")[2]], defs)
    elif "anyOf" in node:
        assert any(fits(value, option, defs) for option in node["anyOf"]), (value, node)
    elif isinstance(value, dict):
        assert node["type"] == "object"
        for key, child in value.items():
            named = (each for name, each in node.get("patternProperties", {}).items() if re.search(name, key))
            extra = next(named, node.get("additionalProperties")) or None
            covered(child, node.get("properties", {}).get(key, extra), defs)
    elif isinstance(value, list):
        for child in value:
            covered(child, node["items"], defs)
    else:
        assert fits(value, node, defs), (value, node)


def fits(value: Any, node: dict[str, Any], defs: dict[str, Any]) -> bool:
    if "enum" in node or "const" in node:
        return value in node.get("enum", [node.get("const")])
    kind = {"string": str, "integer": int, "boolean": bool, "number": float, "null": type(None)}[node["type"]]
    return type(value) is kind and re.match(node.get("pattern", ""), str(value)) is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense: 1", "over.yaml: nonsense: is not a known key"),
        ("risk: {max_ordr_notional: '1'}", "over.yaml: risk.max_ordr_notional: is not a known key"),
        ("risk: {max_order_notional: 1.5}", "over.yaml: risk.max_order_notional: number: expected an exact number"),
        ("costs: {taker_fee: 0.001}", "over.yaml: costs.taker_fee: number: expected an exact number"),
        ("cash: many", "over.yaml: cash: number: expected a number"),
        ("environment: moon", "over.yaml: environment: Input should be 'dev', 'staging' or 'prod'"),
        ("bus: {transport: redis}", "over.yaml: bus.transport: Input should be 'memory'"),
        ("bus: {transport: kafka}", "over.yaml: bus.transport: Input should be 'memory'"),
        ("venues: {binance: {credentials: hunter2}}", "over.yaml: venues.binance.credentials: String should match"),
        ("strategies: [{id: '../x', symbols: ['*']}]", "over.yaml: strategies.0.id: String should match"),
        ("strategies: [{id: x}]", "over.yaml: strategies.0.symbols: Field required"),
        ("live: {enabled: 'yes'}", "over.yaml: live.enabled: Input should be a valid boolean"),
        ("live: {on_stop: run}", "over.yaml: live.on_stop: Input should be 'keep' or 'flatten'"),
        ("reconcile: {orders_s: 0}", "over.yaml: reconcile.orders_s: Input should be greater than or equal to 0.1"),
        ("watchdog: {credentials: me}", "over.yaml: watchdog.credentials: String should match"),
        ("- 1", "over.yaml: expected a map of settings, got list"),
        ("{", "over.yaml: is not YAML"),
        ("a: !!python/object:os.system x", "over.yaml: is not YAML"),
    ],
)
def test_a_wrong_setting_names_its_file_its_path_and_what_was_expected(text: str, says: str, here: Path) -> None:
    Path("over.yaml").write_text(text)
    answer = ask("config", "check", BASE, "over.yaml")
    assert answer.code == 2
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert set(tree(here)) == {"over.yaml"}


def test_a_configuration_sets_costs_limits_and_terms_of_a_backtest() -> None:
    words = ("backtest", SMA, "--data", SAMPLE, *SOON, "--json")
    plain = ask(*words).json
    Path("costs.yaml").write_text("costs: {taker_fee: '0.01'}")
    Path("cheap.yaml").write_text("costs: {taker_fee: '0'}")
    Path("tight.yaml").write_text("risk: {max_order_notional: '10'}")
    dear = ask(*words, "--config", "costs.yaml").json
    assert (plain["profile"], dear["profile"]) == ("plain", "config")
    assert float(dear["fees"]) > 5 * float(plain["fees"])
    assert ask(*words, "--config", "costs.yaml", "--config", "cheap.yaml").json["fees"] == "0"  # the later file wins
    assert ask(*words, "--config", "tight.yaml").json["fills"] == 0
    Path("terms.yaml").write_text("venues: {binance: {instruments: {BTC/USDT: {tick: '1', lot: '0.1'}}}}")
    journal = ask("journal", "export", ask(*words, "--config", "terms.yaml").json["run_id"]).out
    quantities = re.findall(r'"quantity":"([^"]+)".*"type":"OrderEvent"', journal)
    assert quantities
    assert all(re.fullmatch(r"\d+(\.\d)?", each) for each in quantities)  # lots of 0.1


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_outside_dev_a_strategy_that_is_no_release_is_refused(environment: str) -> None:
    Path("over.yaml").write_text(f"environment: {environment}")
    answer = ask("run", "paper", "--config", "over.yaml", "--strategy", SMA, "--data", SAMPLE)
    assert answer.code == 3
    assert f"{environment} runs releases only; promote {SMA}" in answer.err
    assert not Path(".workbench").exists()
