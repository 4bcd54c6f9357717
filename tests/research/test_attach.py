"""Attaching looks at a run through its journal and status, while it lives and after, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.traded import DATASET, SHA, steps
from tests.research.runs import fresh
from workbench.core.errors import ConfigError
from workbench.data.journal import Journal
from workbench.research.attach import attach, why
from workbench.runtime.state import EMPTY_STATUS, StateFolder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A state directory whose run is over, and the result of the same run."""
    folder = StateFolder(tmp_path_factory.mktemp("state"))
    result = fresh(journal=folder.journal)
    result.journal.close()
    folder.write_status({**EMPTY_STATUS, "state": "ready", "mode": "paper", "run_id": result.run_id})
    return folder, result


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_stopped_run_shows_what_its_ledger_held(stopped):
    folder, result = stopped
    run = attach(folder.path)
    assert run.run_id == result.run_id
    assert run.ledger.digest() == result.ledger_digest
    assert len(run.orders) == len(result.orders)
    assert run.fills["price"].tolist() == result.fills["price"].tolist()
    assert run.fills.index.equals(result.fills.index)
    assert run.positions["quantity"].iloc[0] > 0
    assert set(run.balances["asset"]) == {"USDT", "BTC"}


def test_equity_follows_the_stored_data_that_the_journal_names(stopped):
    folder, result = stopped
    ours = attach(folder.path).equity
    assert ours.index.equals(result.equity.index)
    assert ours.to_numpy() == pytest.approx(result.equity.to_numpy(), rel=1e-12)


def test_a_run_whose_process_is_gone_is_stopped(stopped):
    folder, _ = stopped
    run = attach(folder.path)
    assert run.status["state"] == "stopped"
    assert "stopped, paper" in repr(run)


def test_looking_changes_no_file(stopped):
    folder, result = stopped
    before = everything(folder.path)
    run = attach(folder.path)
    run.refresh()
    shown = [run.status, run.equity, run.orders, repr(run), run._repr_html_()]
    assert len([*shown, run.why(result.orders["order_id"].iloc[0])]) == 6
    assert everything(folder.path) == before


def test_a_living_run_is_followed_by_refreshing(tmp_path):
    folder = StateFolder(tmp_path)
    journal = Journal.on_disk(folder.journal)
    journal.declare("data", DATASET, SHA)
    story = list(steps())
    for event, consequences in story[:20]:
        journal.take(event, consequences)
    journal.close_frame()
    run = attach(tmp_path)
    assert (len(run.orders), len(run.fills), run.fills.shape[0]) == (1, 0, 0)
    for event, consequences in story[20:]:
        journal.take(event, consequences)
    journal.close_frame()
    assert len(run.fills) == 0
    assert run.refresh() is run
    assert (len(run.orders), len(run.fills)) == (4, 2)
    assert run.orders["status"].tolist()[2] == "denied"
    journal.close()


def test_a_run_is_shown_as_an_escaped_table(stopped):
    folder, _ = stopped
    folder.write_status({**EMPTY_STATUS, "state": "halted", "run_id": "r", "halt_reason": "<script>loss</script>"})
    shown = attach(folder.path)._repr_html_()
    folder.write_status({**EMPTY_STATUS, "state": "ready", "mode": "paper", "run_id": "r"})
    assert "<script>" not in shown
    assert "&lt;script&gt;loss" in shown


def test_a_directory_without_a_run_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no run in .*empty"):
        attach(tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def test_why_asks_a_directory_a_result_or_an_attached_run(stopped):
    folder, result = stopped
    order_id = result.orders["order_id"].iloc[0]
    chains = [why(order_id, folder.path), why(order_id, attach(folder.path)), why(order_id, result)]
    assert chains[0] == chains[1] == chains[2]
    assert chains[0].links[-1].kind == "bar"


def test_why_finds_an_order_of_an_old_backtest(tmp_path):
    folder = StateFolder(tmp_path)
    result = fresh(journal=folder.runs / "first" / "journal")
    result.journal.close()
    assert why(result.orders["order_id"].iloc[0], tmp_path).links[0].kind == "order"


def test_why_of_an_unknown_id_says_where_it_looked(stopped, tmp_path):
    folder, _ = stopped
    with pytest.raises(ConfigError, match=f"{folder.journal}: id 'nonsense'"):
        why("nonsense", folder.path)
    with pytest.raises(ConfigError, match="no journal in"):
        why("nonsense", tmp_path)
