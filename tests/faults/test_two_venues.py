"""Two venues in one run: what happens to one is no reason to stop on the other."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from tests.faults.bench import PURSE, SYMBOL, Stand
from tests.faults.invariants import KEY, SECRET
from tests.faults.street import Street
from workbench.core.events import AccountSnapshot, Event, OrderEvent, RiskEvent, VenueLink
from workbench.core.secret import Secret
from workbench.core.venue import LinkState
from workbench.runtime.config import Config
from workbench.twin.faults import Action, Fault, Where
from workbench.twin.mischief import Mischief
from workbench.twin.opening import Opening
from workbench.twin.server import LocalExchange

FIRST, SECOND = "binance", "binance/second"
THERE = f"{SECOND}:{SYMBOL}"


class Pair(Stand):
    """A stand with a second venue beside the first."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        account = Opening(balances=PURSE, key=KEY, secret=Secret(SECRET))
        self.second = LocalExchange(accounts=(account,), clock=self.clock)
        self.second_street = Street(self.second, [SYMBOL])

    async def __aenter__(self) -> Pair:
        await self.second.open()
        self.second_street.open()
        self._second_lives = asyncio.create_task(self.second_street.live())
        await super().__aenter__()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        self._second_lives.cancel()
        await super().__aexit__(*failure)
        await self.second.close()

    def config(self) -> Config:
        one = super().config()
        there = {"rest_url": self.second.rest_url, "stream_url": self.second.stream_url}
        strategy = one.strategies[0].model_copy(update={"symbols": [f"{FIRST}:{SYMBOL}", THERE]})
        venues = {**one.venues, SECOND: one.venues[FIRST].model_copy(update=there)}
        return one.model_copy(update={"venues": venues, "strategies": [strategy]})

    def happened(self, since: int, account: str) -> list[Event]:
        """What concerned an account since an instant, market data left out."""
        return [each for each in self.heard if each.ts_init >= since and account_of(each) == account]


def account_of(event: Event) -> str:
    """The account that an event is about; empty for none."""
    if isinstance(event, VenueLink | AccountSnapshot):
        return FIRST if event.account == "main" else f"{FIRST}/{event.account}"
    instrument = getattr(event, "instrument", None)
    return "" if instrument is None else str(instrument.account_key)


async def test_an_outage_of_one_venue_is_told_taken_back_from_and_resynced_while_the_other_trades_on():
    async with Pair() as stand:
        stand.quote(symbol=THERE, bids=[("59000", "0.004")])
        await stand.until(lambda: len(stand.second.exchange.open_orders("main")) == 1, "a quote rests at the second")
        stand.second.faults.add(Fault(where=Where.REST, action=Action.REFUSE_CONNECTIONS, args={"ms": 60_000}, count=1))
        stand.second.kick()
        began = stand.clock.now()
        await stand.until(lambda: SECOND in stand.engine.gate.links, "the second is called unavailable", seconds=5)
        assert FIRST not in stand.engine.gate.links
        resting = stand.second.exchange.open_orders("main")[0].client_id
        Mischief(stand.second).fill(symbol=SYMBOL, quantity=Decimal("0.001"), client_id=resting)

        await stand.until(
            lambda: any(isinstance(each, RiskEvent) and each.rule == "venue_down" for each in stand.heard),
            "it is told",
            seconds=20,
        )
        for quantity in ("0.01", "0"):
            stand.say(symbol=f"{FIRST}:{SYMBOL}", quantity=quantity)
            held = Decimal(quantity)
            await stand.until(lambda held=held: abs(stand.held() - held) < Decimal("0.0001"), "the first trades on")
        assert SECOND in stand.engine.gate.links, "and all this while the second was away"
        status = stand.run.status()
        assert status["state"] == "degraded"
        assert [status["venue"][key]["connected"] for key in (FIRST, SECOND)] == [True, False]

        await stand.until(lambda: SECOND not in stand.engine.gate.links, "the second is back", seconds=90)
        assert stand.held(venue=SECOND) > 0, "the fill of the outage is booked"
        news = stand.happened(began, SECOND)
        up = next(n for n, each in enumerate(news) if isinstance(each, VenueLink) and each.state is LinkState.UP)
        assert not any(isinstance(each, OrderEvent) for each in news[:up]), "nothing new before the resync"
        assert any(isinstance(each, AccountSnapshot) for each in news[:up])
        await stand.until(
            lambda: resting not in {each.client_id for each in stand.second.exchange.open_orders("main")},
            "the order of before is taken back",
        )
        await stand.until(lambda: len(stand.second.exchange.open_orders("main")) == 1, "it quotes again")
        stand.quote(symbol=THERE)
        await stand.until(lambda: not stand.second.exchange.open_orders("main"), "it ends")
        for key, twin in ((FIRST, stand.twin), (SECOND, stand.second)):
            booked = {each.trade_id for each in stand.ledger.fills if each.instrument.account_key == key}
            assert booked == {str(each.print.trade_id) for each in twin.truth().trades}
            assert booked
        assert not stand.ledger.living
