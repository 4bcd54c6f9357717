"""`workbench backtest`: the document it prints, the files it writes, and the same bytes every time."""

from __future__ import annotations

import csv
import shutil
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.terminal import SAMPLE, SMA, SOON, ask, finish, start, tree

WORDS = ("backtest", SMA, "--data", SAMPLE, *SOON, "--json")
SAME = ("journal_digest", "ledger_digest", "metrics", "run_id", "fees", "final_cash", "final_equity")


def test_the_document_has_every_promised_key_and_exact_numbers_as_text() -> None:
    document = ask(*WORDS, "-p", "fast=10", "--cash", "5000.5").json
    assert document["strategy"] == SMA
    assert document["parameters"] == {"fast": 10, "slow": 50}
    assert document["data"] == {
        "id": SAMPLE,
        "sha256": document["data"]["sha256"],
        "rows": 1070,
        "start": "2017-08-17T04:00:00Z",
        "end": document["data"]["end"],
    }
    assert len(document["data"]["sha256"]) == len(document["journal_digest"]) == len(document["ledger_digest"]) == 64
    assert (document["engine"], document["profile"]) == ("event", "plain")
    assert document["orders"] > 0
    assert document["fills"] >= document["orders"] - 1
    for name in ("fees", "final_cash", "final_position", "final_equity"):
        assert isinstance(document[name], str), name
        Decimal(document[name])
    assert {"total_return", "sharpe", "max_drawdown"} <= set(document["metrics"])
    assert Path(document["journal"]).is_dir()
    assert document["seconds"] >= 0


def test_two_processes_with_other_hash_seeds_write_the_same_bytes(here: Path) -> None:
    processes = [start(*WORDS, "--state", seed, cwd=here, PYTHONHASHSEED=seed) for seed in ("0", "77")]
    first, second = (finish(each).json for each in processes)
    assert [first[name] for name in SAME] == [second[name] for name in SAME]
    assert tree(Path(first["journal"])) == tree(Path(second["journal"]))


def test_the_same_backtest_again_is_the_same_record_and_another_is_another() -> None:
    first, again, other = ask(*WORDS).json, ask(*WORDS).json, ask(*WORDS, "-p", "fast=19").json
    assert [first[name] for name in (*SAME, "journal")] == [again[name] for name in (*SAME, "journal")]
    assert other["run_id"] != first["run_id"]
    assert {each.name for each in Path(".workbench/dev/runs").iterdir()} == {first["run_id"], other["run_id"]}


def test_start_is_included_and_end_is_not() -> None:
    span = ("--start", "2018-01-01", "--end", "2018-01-02T00:00")
    data = ask("backtest", SMA, "--data", SAMPLE, *span, "--json").json["data"]
    assert (data["rows"], data["start"]) == (24, "2018-01-01T00:00:00Z")


def test_fills_as_csv_and_parquet_are_the_same_exact_rows() -> None:
    document = ask(*WORDS, "--fills", "fills.csv").json
    ask(*WORDS, "--fills", "fills.parquet")
    with Path("fills.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["ts_ns", "order_id", "symbol", "side", "quantity", "price", "fee", "fee_currency", "liquidity"]
    assert list(rows[0]) == names
    assert len(rows) == document["fills"]
    assert sum(Decimal(row["fee"]) for row in rows) == Decimal(document["fees"])
    stored = pq.read_table("fills.parquet").to_pylist()
    assert [Decimal(row["price"]) for row in rows] == [row["price"] for row in stored]
    assert [row["order_id"] for row in rows] == [row["order_id"] for row in stored]


def test_the_report_is_one_page_that_needs_no_other() -> None:
    answer = ask(*WORDS, "--report", "sheet.html")
    assert answer.code == 0, answer.err
    page = Path("sheet.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<html") or "<!doctype html" in page[:100].lower()
    assert "Plotly.newPlot" in page
    assert "<script src=" not in page.replace('<script src="https://cdn.plot.ly/MathJax', "")


def test_a_person_gets_figures_and_assumptions_instead_of_json() -> None:
    answer = ask("backtest", SMA, "--data", SAMPLE, *SOON)
    assert "final equity" in answer.out.lower()
    assert "Assumptions (profile plain)" in answer.out
    assert answer.err.startswith("journal: .workbench/dev/runs/")


def test_no_money_is_refused() -> None:
    answer = ask(*WORDS, "--cash", "0")
    assert (answer.code, answer.err) == (2, "workbench: cash: expected more than 0, got 0\n")


def test_a_strategy_that_fails_leaves_no_record() -> None:
    Path("own.py").write_text(
        "from workbench import Strategy\nclass Sudden(Strategy):\n    def on_market_data(self, event): 1 / 0\n"
    )
    answer = ask("backtest", "own:Sudden", "--data", SAMPLE)
    assert answer.code != 0
    assert "ZeroDivisionError" in answer.err
    assert list(Path(".workbench/dev/runs").iterdir()) == []


def test_journal_verify_replay_and_export_agree_with_the_backtest() -> None:
    document = ask(*WORDS).json
    verified = ask("journal", "verify", document["run_id"], "--json").json
    replayed = ask("journal", "replay", document["journal"], "--json").json
    assert verified["digest"] == replayed["digest"] == document["journal_digest"]
    assert verified["records"] == replayed["records"]
    assert replayed["ledger_digest"] == document["ledger_digest"]
    assert ask("journal", "export", document["run_id"], "--to", "journal.jsonl").code == 0
    assert Path("journal.jsonl").read_text() == ask("journal", "export", document["run_id"]).out
    assert len(Path("journal.jsonl").read_text().splitlines()) == verified["records"]


def test_why_goes_back_from_an_order_and_from_a_fill_to_the_bar() -> None:
    document = ask(*WORDS, "--fills", "fills.csv").json
    with Path("fills.csv").open(newline="") as file:
        order_id = next(csv.DictReader(file))["order_id"]
    chain = ask("why", order_id, "--run", document["run_id"])
    assert chain.code == 0, chain.err
    assert "BTC/USDT open" in chain.out
    lines = ask("journal", "export", document["run_id"]).out.splitlines()
    fill = next(line for line in lines if '"type":"FillEvent"' in line)
    trade = fill.partition('"trade_id":"')[2].partition('"')[0]
    assert ask("why", trade, "--run", document["run_id"], "--json").code == 0
    unknown = ask("why", "no-such-id", "--run", document["run_id"])
    assert unknown.code == 2
    assert "no-such-id" in unknown.err


@pytest.mark.parametrize("command", [("journal", "verify"), ("journal", "replay"), ("why", "x", "--run")])
def test_a_journal_with_a_changed_byte_is_corrupt_state(command: tuple[str, ...]) -> None:
    journal = Path(ask(*WORDS).json["journal"])
    segment = next(journal.iterdir())
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    before = tree(journal)
    answer = ask(*command, str(journal))
    assert answer.code == 5
    assert segment.name in answer.err
    assert "Traceback" not in answer.err
    assert tree(journal) == before


def test_a_replay_without_its_data_says_which() -> None:
    shutil.copytree(Path(ask(*WORDS).json["journal"]), "elsewhere")
    assert ask("journal", "replay", "elsewhere").code == 0  # the sample comes with the package
