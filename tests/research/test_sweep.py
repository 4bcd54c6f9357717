"""A sweep's rows are the backtests of their parameters, whoever runs them, however often it is interrupted."""

from __future__ import annotations

import json
import math
import signal
import threading
from functools import cache
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from msgspec import Meta

from tests.research.runs import SAMPLE, START, sample
from workbench.core import strategy
from workbench.core.clock import HOUR, parse_instant
from workbench.core.errors import ConfigError
from workbench.core.strategy import Strategy
from workbench.research.backtest import backtest
from workbench.research.metrics import FIGURES
from workbench.research.spaces import between, latin_hypercube
from workbench.research.sweep import sweep
from workbench.research.sweep_progress import line
from workbench.strategies.rsi_reversion import RsiReversion
from workbench.strategies.sma_cross import SmaCross

END = parse_instant("2018-02-10")
SPAN = {"start": START, "end": END}
GRID = {"fast": range(5, 25, 5), "slow": [10, 30, 60]}


class Brittle(Strategy):
    """Fails in the middle for some parameters."""

    class Parameters(strategy.Parameters, frozen=True):
        number: Annotated[int, Meta(ge=0, le=9)] = 0

    class State(strategy.State):
        seen: int = 0

    def on_market_data(self, event):
        self.state.seen += 1
        return self.target(event, 1 / (self.params.number - 3) if self.state.seen == 9 else 0.0)


@cache
def small():
    return sweep(SmaCross, sample(), workers=1, **SPAN, **GRID)


def same(one, two):
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_every_row_is_exactly_the_backtest_of_its_parameters():
    found = small()
    assert found.combinations == found.done == len(found.table) == 9
    for row, values in found.table.iterrows():
        single = backtest(SmaCross(fast=int(values["fast"]), slow=int(values["slow"])), sample(), **SPAN)
        assert {name: values[name] for name in FIGURES} == pytest.approx(single.metrics, rel=0, abs=0, nan_ok=True)
        assert found.result(row).ledger_digest == single.ledger_digest


def test_rows_stand_in_the_order_of_the_grid_and_do_not_depend_on_who_runs_them():
    found = small()
    assert list(zip(found.table["fast"], found.table["slow"], strict=True)) == (
        [(fast, slow) for fast in GRID["fast"] for slow in GRID["slow"] if fast < slow]
    )
    assert "processes" not in found.engine
    beside = sweep(SmaCross, SAMPLE, workers=2, **SPAN, **GRID)
    assert "2 processes" in beside.engine
    same(found.table, beside.table)


def test_a_strategy_is_taken_as_class_object_or_name_and_an_object_keeps_its_other_parameters():
    named = sweep("workbench.strategies.sma_cross:SmaCross", sample(), workers=1, **SPAN, fast=[5], slow=[30])
    held = sweep(SmaCross(slow=30), sample(), workers=1, **SPAN, fast=[5])
    assert held.parameters(0) == {"fast": 5, "slow": 30}
    assert named.table["sharpe"].tolist() == held.table["sharpe"].tolist()
    for bad in (SmaCross.on_market_data, 5, object()):
        with pytest.raises(ConfigError, match="strategy: expected"):
            sweep(bad, sample(), fast=[5])


def test_what_bounds_checks_and_where_refuse_is_skipped_and_counted():
    found = sweep(SmaCross, sample(), where="slow <= 6 * fast", workers=1, **SPAN, fast=[0, 5, 10], slow=[10, 30, 60])
    assert [tuple(each) for each in found.table[["fast", "slow"]].to_numpy()] == [(5, 10), (5, 30), (10, 30), (10, 60)]
    assert found.skipped.left_out == 4
    assert list(found.skipped.invalid.values()) == [1]
    same(found.table, sweep(
        SmaCross, sample(), where=lambda slow, fast: slow <= 6 * fast, workers=1, **SPAN,
        fast=[0, 5, 10], slow=[10, 30, 60],
    ).table)  # fmt: skip
    assert "4 left out by where, 1 not allowed" in repr(found)


def test_nothing_to_run_unknown_names_and_bad_options_are_said_before_anything_runs():
    cases = [
        ({"fast": [50], "slow": [10]}, "nothing to run: of 1 combinations.*shorter"),
        ({"speed": [1]}, "no parameter 'speed'; SmaCross has fast, slow"),
        ({"fast": [5], "grid": {"fast": [6]}}, "fast: given in grid= and by name"),
        ({"fast": [5], "workers": 0}, "workers: expected 1 or more"),
        ({"fast": [5], "out": "table.xlsx"}, r"ends with .parquet or .csv"),
        ({"fast": [5], "where": lambda speed: True}, "takes 'speed'"),
        ({"fast": [5], "where": 5}, "where: expected"),
        ({}, "at least one parameter"),
    ]
    for options, wrong in cases:
        with pytest.raises(ConfigError, match=wrong):
            sweep(SmaCross, sample(), **SPAN, **options)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_row_that_fails_is_kept_with_its_reason_and_the_others_run(workers):
    found = sweep(Brittle, sample(), number=range(6), workers=workers, **SPAN)
    assert found.refused == 1
    table = found.table
    assert table["reason"].tolist() == ["", "", "", "ZeroDivisionError: division by zero", "", ""]
    failed = table[table["reason"] != ""]
    assert failed[list(FIGURES)].isna().all(axis=None)
    assert table[table["reason"] == ""]["final_equity"].notna().all()


def test_drawn_combinations_are_run_like_listed_ones():
    draw = latin_hypercube(4, seed=3)
    found = sweep(RsiReversion, sample(), draw=draw, workers=1, **SPAN, window=between(5, 30))
    assert len(found.table) == 4
    row = found.table.iloc[2]
    single = backtest(RsiReversion(window=int(row["window"])), sample(), **SPAN)
    assert row["final_equity"] == single.metrics["final_equity"]


def test_a_class_of_a_notebook_is_run_in_this_process_and_it_says_so():
    class Inside(SmaCross):
        pass

    found = sweep(Inside, sample(), workers=2, **SPAN, fast=[5, 10], slow=[30])
    assert "in this process: " in found.engine
    assert len(found.table) == 2


# --- interrupts, and going on -----------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_keeps_what_is_done_and_the_same_call_goes_on_from_there(tmp_path, workers):
    out = tmp_path / "table.parquet"

    def interrupt(done, total):
        if done == 4:
            signal.raise_signal(signal.SIGINT)

    first = sweep(SmaCross, sample(), workers=workers, out=out, progress=interrupt, **SPAN, **GRID)
    assert first.interrupted
    assert "INTERRUPTED" in repr(first)
    assert first.done == len(first.table) == len(pd.read_parquet(out)) == 4
    ran = []
    second = sweep(
        SmaCross, sample(), workers=workers, out=out, progress=lambda done, total: ran.append(done), **SPAN, **GRID
    )
    assert (second.resumed, ran) == (4, list(range(4, 10)))
    same(second.table, small().table)
    same(pd.read_parquet(out), small().table)
    assert threading.active_count() < 20


def test_finished_rows_survive_a_torn_file_and_only_the_torn_one_is_run_again(tmp_path):
    out = tmp_path / "table.csv"
    sweep(SmaCross, sample(), workers=1, out=out, **SPAN, **GRID)
    rows = tmp_path / "table.csv.rows"
    rows.write_bytes(rows.read_bytes()[:-7])
    again = sweep(SmaCross, sample(), workers=1, out=out, **SPAN, **GRID)
    assert again.resumed == 8
    same(again.table, small().table)
    read = pd.read_csv(out, index_col="row")
    assert read[list(FIGURES)].equals(small().table[list(FIGURES)])
    assert {each.name for each in tmp_path.iterdir()} == {"table.csv", "table.csv.rows"}


def test_a_larger_grid_goes_on_and_rows_of_other_data_or_costs_are_refused(tmp_path):
    out = tmp_path / "table.csv"
    sweep(SmaCross, sample(), workers=1, out=out, **SPAN, fast=[5, 10], slow=[30])
    more = sweep(SmaCross, sample(), workers=1, out=out, **SPAN, fast=[5, 10, 15], slow=[30])
    assert (more.resumed, more.done) == (2, 3)
    before = (tmp_path / "table.csv.rows").read_bytes()
    others = ({"cash": "500"}, {"taker_fee": "0"}, {"end": END - HOUR})
    for other in others:
        with pytest.raises(ConfigError, match="other data, code or costs"):
            sweep(SmaCross, sample(), workers=1, out=out, **(SPAN | other), fast=[5], slow=[30])
    assert (tmp_path / "table.csv.rows").read_bytes() == before


# --- what is made of it -----------------------------------------------------------------------------


def test_the_best_row_is_the_largest_figure_and_of_risk_and_cost_the_smallest():
    found = small()
    table = found.table
    assert found.best("sharpe").name == table["sharpe"].idxmax()
    assert found.best("max_drawdown")["max_drawdown"] == table["max_drawdown"].max()
    assert found.best("fees")["fees"] == table["fees"].min()
    assert found.top(3, "trades")["trades"].tolist() == sorted(table["trades"], reverse=True)[:3]
    with pytest.raises(ConfigError, match="no figure 'sharp'"):
        found.best("sharp")


def test_a_plateau_is_the_median_and_the_worst_of_a_row_and_its_neighbours():
    found = small()
    table = found.table.set_index(["fast", "slow"])["sharpe"]
    plateau = found.plateau("sharpe").set_index(["fast", "slow"])
    around = [table[(fast, slow)] for fast in (5, 10, 15) for slow in (10, 30, 60) if (fast, slow) in table.index]
    centre = plateau.loc[(10, 30)]
    assert (centre["median"], centre["worst"], centre["neighbours"]) == (np.median(around), min(around), 6)
    assert plateau["median"].is_monotonic_decreasing
    assert found.plateau("fees").set_index(["fast", "slow"]).loc[(10, 30), "worst"] == max(
        found.table.set_index(["fast", "slow"])["fees"].loc[[key for key in table.index if key[0] <= 15]]
    )


def test_draws_have_no_neighbours_and_it_says_so():
    found = sweep(RsiReversion, sample(), draw=latin_hypercube(1), workers=1, **SPAN, window=between(5, 30))
    with pytest.raises(ConfigError, match="neighbours"):
        found.plateau()


def test_the_heat_map_shows_each_row_in_its_place():
    found = small()
    chart = found.heatmap("fast", "slow", "sharpe")
    cells = chart.data[0]
    for _, row in found.table.iterrows():
        place = cells.y.index(str(int(row["slow"]))), cells.x.index(str(int(row["fast"])))
        assert cells.z[place] == row["sharpe"]
    assert np.isnan(cells.z[cells.y.index("10"), cells.x.index("20")])
    with pytest.raises(ConfigError, match="was not varied"):
        found.heatmap("fast", "speed")
    with pytest.raises(ConfigError, match="twice"):
        found.heatmap("fast", "fast")


def test_pictures_are_the_same_for_equal_sweeps():
    one, two = small(), sweep(SmaCross, sample(), workers=1, **SPAN, **GRID)
    assert one.plateau_map("fast", "slow").to_json() == two.plateau_map("fast", "slow").to_json()
    assert one.parallel("total_return").to_json() == two.parallel("total_return").to_json()
    assert len(one.parallel().data[0].dimensions) == 6


def test_its_words_are_text_first_and_its_html_is_escaped():
    class Loud(Brittle):
        def on_market_data(self, event):
            raise ValueError("<script>alert(1)</script>")

    found = sweep(Loud, sample(), workers=1, **SPAN, number=[1, 2])
    assert "failed: 2; row 0: ValueError: <script>" in repr(found)
    assert "<script>" not in found._repr_html_()
    assert found.document()["best"] == []


def test_the_document_is_strict_json():
    plain = json.loads(json.dumps(small().document("win_rate", 2), allow_nan=False))
    assert [plain["combinations"], plain["done"], plain["by"], len(plain["best"])] == [9, 9, "win_rate", 2]
    assert set(FIGURES) <= set(plain["best"][0])


def test_the_progress_line_says_how_long_it_still_takes():
    assert line(1_200, 10_000, 1_200, 6.0) == "sweep  1,200 of 10,000  12 %  200 rows/s  0:44 left"
    assert line(0, 10, 0, 0.0) == "sweep  0 of 10  0 %"
    assert line(10, 10, 5, 10.0) == "sweep  10 of 10  100 %  0.5 rows/s"
    assert line(1, 20_001, 1, 1.0).endswith("1 rows/s  5:33:20 left")


def test_figures_that_nothing_can_say_stay_unsaid():
    found = sweep(SmaCross, sample(), workers=1, start=START, end=parse_instant("2018-01-02"), fast=[5], slow=[30])
    assert math.isnan(found.table["win_rate"].iloc[0])
    with pytest.raises(ConfigError, match="no row of this sweep has it"):
        found.best("win_rate")
