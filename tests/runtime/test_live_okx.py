"""A live run on a local exchange that speaks OKX: spot and a perpetual at once, and books equal to what it knows."""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal
from pathlib import Path

from workbench.core.clock import SECOND
from workbench.core.order import FINAL
from workbench.data.reader import JournalReader
from workbench.data.view import ledger_view
from workbench.runtime.config import Config
from workbench.runtime.live import LiveRun
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import reaches
from workbench.twin.server import LocalExchange
from workbench.twin.words import Listing

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
LISTINGS = (
    Listing(symbol=SPOT, tick=Decimal("0.1"), lot=Decimal("0.0001"), min_notional=Decimal(0)),
    Listing(
        symbol=SWAP,
        tick=Decimal("0.1"),
        lot=Decimal("0.01"),
        min_quantity=Decimal("0.01"),
        min_notional=Decimal(0),
        contract_size=Decimal("0.01"),
    ),
)


class Trader:
    """A live run whose only strategy holds what a file says."""

    def __init__(self, twin: LocalExchange, folder: Path) -> None:
        self.twin, self.targets = twin, folder / "targets.json"
        self.hold({})
        strategy = {
            "id": "hand",
            "strategy": "workbench.strategies.manual:ManualTarget",
            "symbols": [f"okx:{SPOT}", f"okx:{SWAP}"],
            "parameters": {"path": str(self.targets)},
        }
        venue = {
            "connector": "ccxt",
            "rest_url": twin.rest_url,
            "stream_url": twin.stream_url,
            "credentials": "secret://env/OKXTWIN",
        }
        config = Config.model_validate(
            {
                "environment": "dev",
                "live": {"enabled": True},
                "venues": {"okx": venue},
                "strategies": [strategy],
                "reconcile": {"balances_s": 2.0},
            }
        )
        self.state = StateFolder(folder / "state")

        def connect(settings, recorded):
            instruments = recorded.instruments if recorded else ()
            return reaches(settings, clock=self.run._clock, folder=self.state.path, instruments=instruments)

        self.run = LiveRun(config, self.state, connect=connect, releases=Path("config/releases"))

    def hold(self, targets):
        self.targets.write_text(json.dumps(targets))

    def positions(self):
        engine = self.run.engine
        return {key.partition(":")[2]: engine.ledger.net(key) for key in engine.ledger.instruments} if engine else {}

    @property
    def quiet(self):
        return not self.run.engine.ledger.living

    @property
    def dust(self):
        """Whether less than a lot is left of spot: fees are taken of what is bought."""
        instrument = next(each for each in self.run.engine.ledger.instruments.values() if each.is_spot)
        return self.positions()[SPOT] < int(instrument.lot.scaleb(instrument.quantity_places))

    async def until(self, holds, what, seconds=30.0):
        deadline = asyncio.get_running_loop().time() + seconds
        while not holds():
            assert asyncio.get_running_loop().time() < deadline, f"never: {what}; {self.run.status()}"
            await asyncio.sleep(0.02)


def test_spot_and_a_perpetual_are_traded_and_every_book_is_equal_to_the_exchanges(tmp_path, monkeypatch):
    for name, value in {"KEY": "twin-key", "SECRET": "twin-secret", "PASSPHRASE": "twin-pass"}.items():
        monkeypatch.setenv(f"OKXTWIN_API_{name}", value)

    async def whole():
        async with LocalExchange(dialect="okx", world="synthetic", seed=1, listings=LISTINGS) as twin:
            trader = Trader(twin, tmp_path)
            process = asyncio.create_task(trader.run.run(seconds=90))
            try:
                await drive(trader, twin)
            finally:
                trader.run.inbox.stop()
                await process
            compare(trader, twin)

    async def drive(trader, twin):
        await trader.until(lambda: trader.run.engine and "okx" not in trader.run.engine.gate.links, "connected")
        trader.hold({SPOT: "0.004", SWAP: "0.02"})
        await trader.until(lambda: all(trader.positions().values()) and trader.quiet, "both bought")
        trader.hold({SPOT: "0.001", SWAP: "-0.02"})
        await trader.until(lambda: trader.positions()[SWAP] < 0 and trader.quiet, "turned around")
        twin.exchange.fund(SWAP, Decimal("0.0001"), time.time_ns())
        await trader.until(lambda: trader.run.engine.ledger.funding, "funded")
        trader.hold({SPOT: "0", SWAP: "0"})
        await trader.until(lambda: not trader.positions()[SWAP] and trader.dust and trader.quiet, "flat")
        checked = trader.run.engine.view.now
        await trader.until(lambda: trader.run.engine.view.now > checked + 5 * SECOND, "looked at twice since")

    def compare(trader, twin):
        view, truth = ledger_view(JournalReader(trader.state.journal)), twin.truth()
        ours = {each["client_order_id"]: Decimal(each["filled"]) for each in view["orders"]}
        assert ours == {each.client_id: each.filled for each in truth.orders}
        assert all(state.status in FINAL for state in trader.run.engine.ledger.orders.values())
        fills = {
            (
                each["venue_trade_id"],
                Decimal(each["quantity"]),
                Decimal(each["price"]),
                Decimal(each["fee"]),
                each["fee_currency"],
            )
            for each in view["fills"]
        }
        assert fills == {
            (
                str(each.print.trade_id),
                each.print.quantity,
                each.print.price,
                each.commission,
                each.commission_asset,
            )
            for each in truth.trades
        }
        (funding,) = trader.run.engine.ledger.funding
        assert funding.event.amount_raw == int(truth.funding[0].amount.scaleb(funding.event.instrument.fee_places))
        assert trader.run.engine.reconciler.suspects("okx") == []
        assert trader.run.engine.gate.reducing == {}

    asyncio.run(whole())
