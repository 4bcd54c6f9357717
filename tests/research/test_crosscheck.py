"""Two others do the same sums: a plain ledger in a page of integers, to the last digit, and vectorbt, in floats."""

from __future__ import annotations

import numpy as np
import pytest

from tests.research.runs import sample, six_years

CASH_UNIT = 10**8
LOT = 1_000  # 0.00001 BTC in units of 10^-8


def worth_of(price, quantity):
    """Prices count 10^-2 and quantities 10^-8; cash counts 10^-8."""
    return price * quantity // 100


def fee_of(worth):
    """A thousandth, half up."""
    return (worth + 500) // 1000


def affordable(cash, price):
    lots = cash // worth_of(price, LOT)
    while worth_of(price, lots * LOT) + fee_of(worth_of(price, lots * LOT)) > cash:
        lots -= 1
    return lots * LOT


def plain_ledger(opens, closes, volumes, fast=20, slow=50, cash=10_000 * CASH_UNIT):
    """SMA cross, long or flat: decided at a close, filled from the next open on, bounded by volume and cash."""
    fills, held, target, wanted = [], 0, None, 0  # `wanted` is the signed rest of the order at work
    for row, (price, volume, close) in enumerate(zip(opens, volumes, closes, strict=True)):
        if wanted > 0:
            there = min(wanted, volume // LOT * LOT)
            bought = min(there, affordable(cash, price))
            if bought:
                worth = worth_of(price, bought)
                cash, held = cash - worth - fee_of(worth), held + bought
                fills.append((row, bought, price, fee_of(worth)))
            wanted = 0 if bought < there else wanted - bought
        elif wanted < 0:
            sold = min(-wanted, volume // LOT * LOT)
            if sold:
                worth = worth_of(price, sold)
                cash, held = cash + worth - fee_of(worth), held - sold
                fills.append((row, -sold, price, fee_of(worth)))
            wanted += sold
        if row + 1 < slow:
            continue
        new = sum(closes[row + 1 - fast : row + 1]) * slow > sum(closes[row + 1 - slow : row + 1]) * fast
        if new != target:
            assert wanted == 0, "no order of this data is still at work when the next one is due"
            equity = cash + worth_of(close, held)
            wanted = equity // worth_of(close, LOT) * LOT if new else -held
            target = new
    return fills, cash, held


def test_a_plain_ledger_finds_the_same_fills_fees_and_cash_to_the_last_digit():
    data, result = sample(), six_years()
    columns = [data.ints(name).tolist() for name in ("open", "close", "volume")]
    fills, cash, held = plain_ledger(*columns)
    opens = data.times.tolist()
    ours = [
        (fill.ts_event, fill.side.sign * fill.quantity_raw, fill.price_raw, fill.fee_raw)
        for fill in result.ledger.fills
    ]
    assert len(ours) > 1_000
    assert ours == [(opens[row], quantity, price, fee) for row, quantity, price, fee in fills]
    account = result.ledger.accounts["SmaCross"]
    assert (account.cash, account.positions["binance:BTC/USDT"].quantity) == (cash, held)


@pytest.fixture(scope="module")
def portfolio():
    return six_years().to_vectorbt()


def test_vectorbt_takes_every_fill_and_ends_with_the_same_equity(portfolio):
    result = six_years()
    assert portfolio.orders.count() == len(result.ledger.fills)
    assert portfolio.final_value() == pytest.approx(result.metrics["final_equity"], rel=1e-9)
    values = portfolio.value().groupby(level=0).last()  # two fills of one bar are two rows of one time
    np.testing.assert_allclose(values.to_numpy(), result.equity.to_numpy(), rtol=1e-9)


def test_vectorbt_finds_the_same_round_trips(portfolio):
    result, theirs = six_years(), portfolio.positions.closed
    ours = result.trades[result.trades["status"] == "closed"]
    assert theirs.count() == len(ours)
    np.testing.assert_allclose(theirs.pnl.to_pd().dropna().to_numpy(), ours["pnl"].to_numpy(), rtol=1e-6, atol=1e-6)


SAME = {
    "total_return": lambda p: p.total_return(),
    "max_drawdown": lambda p: p.max_drawdown(),
    "volatility": lambda p: p.annualized_volatility(),
    "sharpe": lambda p: p.sharpe_ratio(),
    "sortino": lambda p: p.sortino_ratio(),
    "fees": lambda p: p.orders.fees.sum(),
    "trades": lambda p: p.positions.closed.count(),
    "win_rate": lambda p: p.positions.closed.win_rate(),
    "profit_factor": lambda p: p.positions.closed.profit_factor(),
    "expectancy": lambda p: p.positions.closed.expectancy(),
    "average_win": lambda p: p.positions.closed.winning.pnl.mean(),
    "average_loss": lambda p: p.positions.closed.losing.pnl.mean(),
    "best_trade": lambda p: p.positions.closed.returns.max(),
    "worst_trade": lambda p: p.positions.closed.returns.min(),
}


@pytest.mark.parametrize("name", SAME)
def test_where_vectorbt_means_the_same_it_says_the_same(name, portfolio):
    assert SAME[name](portfolio) == pytest.approx(six_years().metrics[name], rel=1e-9)
