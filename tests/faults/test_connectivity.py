"""Faults of connections and of the pace: what cannot be heard is asked for before anything new is opened."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.connectors.venue_bench import Bench, cancel, order
from tests.faults.bench import SYMBOL, Stand
from tests.faults.virtual import seldom
from workbench.core.clock import MINUTE, SECOND
from workbench.core.events import AccountSnapshot, FillEvent, OrderEvent, VenueLink
from workbench.core.venue import LinkState
from workbench.twin.limits import Limits
from workbench.twin.sockets import Timing

ORDER = "POST /api/v3/order"
BACKFILL_S = 5.0
READY_S = 10.0
DIALS_A_MINUTE = 10


def fills(stand: Stand) -> list[FillEvent]:
    return [each for each in stand.heard if isinstance(each, FillEvent)]


async def resting(stand: Stand, quantity: str = "0.01") -> None:
    """Returns once a bid of ours rests."""
    stand.quote(bids=[("59000", quantity)])
    await rests(stand)


async def rests(stand: Stand) -> None:
    await stand.until(lambda: len(stand.exchange.open_orders("main")) == 1, "the bid rests")
    await stand.quiet()


def somebody_sells(stand: Stand, quantity: str) -> None:
    """A part of our bid is filled."""
    client_id = stand.exchange.open_orders("main")[0].client_id
    stand.mischief.fill(symbol=SYMBOL, quantity=Decimal(quantity), client_id=client_id)


# --- F41, F42: the account's stream ---------------------------------------------------------------


def terminated(stand: Stand) -> None:
    assert stand.twin.end_account_streams() == 1


def expired(stand: Stand) -> None:
    stand.twin.kick("/ws-api/*")


def shut_down(stand: Stand) -> None:
    stand.twin.announce_shutdown()
    stand.twin.kick("/ws-api/*")


@pytest.mark.parametrize("ends", [terminated, expired, shut_down])
async def test_f41_an_account_stream_that_ends_is_back_with_all_that_was_missed_within_five_seconds(ends):
    async with Stand(config={"reconcile": {"orders_s": 600.0, "trades_s": 600.0, "balances_s": 600.0}}) as stand:
        await resting(stand)
        ends(stand)
        somebody_sells(stand, "0.004")
        ended = stand.clock.now()
        await stand.until(lambda: fills(stand), "the fill that nobody told of", seconds=BACKFILL_S)
        await stand.ready(BACKFILL_S)
        assert stand.twin.listeners() == 1
        await rests(stand)
        somebody_sells(stand, "0.002")
        await stand.until(lambda: len(fills(stand)) == 2, "the next one comes by itself", seconds=1)
        later = [each for each in stand.heard if isinstance(each, OrderEvent) and each.ts_event > ended]
        assert all(each.ts_init >= fills(stand)[0].ts_init for each in later), "nothing new before the fill"
        stand.quote()
        await stand.check()


async def test_f41_a_connection_that_the_venue_ends_after_its_day_is_made_anew():
    async with Stand(timing=Timing(lifetime_s=20.0)) as stand:
        await resting(stand)
        for n in range(3):
            await asyncio.sleep(21)
            await stand.ready()
            await rests(stand)
            somebody_sells(stand, "0.001")
            await stand.until(lambda n=n: len(fills(stand)) == n + 1, "a fill", seconds=BACKFILL_S)
        stand.quote()
        await stand.check()


async def test_f41_an_account_stream_that_ends_without_a_word_costs_no_fill_for_longer_than_a_poll():
    async with Stand(config={"reconcile": {"orders_s": 60.0, "trades_s": 60.0, "balances_s": 300.0}}) as stand:
        await resting(stand)
        loss = stand.fault("user", "listen_loss")
        somebody_sells(stand, "0.004")
        await stand.until(lambda: fills(stand), "the fill", seconds=61)
        assert stand.taken(loss)
        stand.quote()
        await stand.until(lambda: not stand.exchange.open_orders("main"), "it is taken back")
        await stand.check()


async def test_f42_while_signing_in_is_refused_nothing_is_opened_and_the_tries_grow_apart():
    async with Stand() as stand:
        refused = stand.fault("wsapi", "status_before", "userDataStream.*", status=401, code=-2015, count=3)
        stand.twin.kick("/ws-api/*")
        await stand.until(lambda: stand.engine.gate.links, "the account is not relied on")
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.taken(refused) == 3 or not stand.engine.gate.links, "three refusals")
        assert not stand.ours()
        await stand.until(lambda: stand.held() > 0, "it trades once it is signed in")
        tries = [each.at for each in stand.twin.faults.log if each.fault == refused]
        gaps = [after - before for before, after in pairwise(tries)]
        assert len(tries) == 3
        assert gaps[1] > gaps[0]
        await stand.check()


async def test_f42_a_sign_in_that_nobody_answers_is_begun_anew_and_the_account_is_back_within_ten_seconds(monkeypatch):
    seldom(monkeypatch)
    async with Stand() as stand:
        mute = stand.fault("wsapi", "silence", count=None)
        stand.twin.kick("/ws-api/*")
        await stand.until(lambda: stand.taken(mute) >= 2, "it was tried twice", seconds=30)
        stand.twin.faults.clear()
        await stand.ready(10)
        await stand.check()


# --- F43, F44: nobody there -----------------------------------------------------------------------


async def test_f43_a_venue_that_refuses_everybody_is_dialled_ever_more_seldom_and_never_in_step(monkeypatch):
    seldom(monkeypatch)
    async with Stand() as stand:
        doors = [stand.fault(where, "refuse_handshake", status=503, count=None) for where in ("wsapi", "stream")]
        stand.twin.kick()
        began = stand.clock.now()
        await asyncio.sleep(600)
        for door in doors:
            dials = [each.at - began for each in stand.twin.faults.log if each.fault == door]
            minutes = Counter(each // MINUTE for each in dials)
            assert minutes[0] <= 25
            assert max(count for minute, count in minutes.items() if minute) <= DIALS_A_MINUTE
            gaps = [after - before for before, after in pairwise(dials)]
            assert gaps[0] < gaps[2] < gaps[12]
            assert len({gap // (SECOND // 100) for gap in gaps[6:]}) > len(gaps[6:]) // 4, "no rhythm"
        stand.twin.faults.clear()
        await stand.ready(READY_S)
        await stand.check()


@pytest.mark.parametrize(
    "doors",
    [("wsapi", "stream"), ("rest",), ("rest", "wsapi", "stream")],
    ids=["sockets down", "requests down", "nothing answers"],
)
async def test_f44_while_a_part_of_the_venue_is_away_nothing_is_opened_and_its_return_begins_with_a_comparison(
    monkeypatch, doors
):
    seldom(monkeypatch)
    async with Stand(config={"reconcile": {"orders_s": 60.0, "trades_s": 60.0, "balances_s": 60.0}}) as stand:
        await resting(stand)
        for door in doors:
            stand.fault(door, "drop_before" if door == "rest" else "refuse_handshake", count=None)
        if "wsapi" in doors:
            stand.twin.kick()
        somebody_sells(stand, "0.004")
        await asyncio.sleep(60)
        away = stand.clock.now()
        stand.say(quantity="0.012")
        await asyncio.sleep(540)
        assert len(stand.ours()) == 1
        assert stand.engine.gate.links, "the account is not relied on"
        assert stand.run.status()["state"] == "degraded"
        stand.twin.faults.clear()
        back = stand.clock.now()
        await stand.ready(READY_S)
        await stand.until(lambda: stand.held() > Decimal("0.011"), "it goes on")
        news = [each for each in stand.heard if each.ts_init >= back]
        first = next(n for n, each in enumerate(news) if isinstance(each, OrderEvent))
        assert any(isinstance(each, AccountSnapshot) for each in news[:first]), "it was compared before"
        assert any(isinstance(each, VenueLink) and each.state is LinkState.UP for each in news[:first])
        assert away < back
        await stand.check()


# --- F45: answers that are none -------------------------------------------------------------------

_NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("html_200", {}),
    ("not_json", {}),
    ("truncated_body", {}),
    ("reset_mid_body", {}),
    ("status_after", {"status": 200, "body": '{"orderId":{},"status":7}'}),
]


@pytest.mark.parametrize(("action", "args"), _NONSENSE)
async def test_f45_an_answer_that_cannot_be_read_leaves_an_order_open_to_evidence(action, args):
    async with Stand() as stand:
        broken = stand.fault("rest", action, ORDER, **args)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "it is settled by evidence")
        assert stand.taken(broken) == 1
        assert len(stand.ours()) == 1, "it was not sent again"
        await stand.check()


@pytest.mark.parametrize(
    ("path", "action", "args"),
    [
        ("GET /api/v3/account", "html_200", {}),
        ("GET /api/v3/myTrades", "not_json", {}),
        ("GET /api/v3/openOrders", "status_after", {"status": 200, "body": '"x"'}),
    ],
)
async def test_f45_a_question_without_a_readable_answer_is_an_error_and_never_read_as_nothing(path, action, args):
    async with Stand() as stand:
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "it is bought")
        held = stand.held()
        broken = stand.fault("rest", action, path, count=4, **args)
        await stand.until(lambda: stand.taken(broken) == 4, "nonsense")
        assert stand.held() == held
        assert not stand.engine.gate.reducing
        await stand.check()


# --- F46, F47: the pace ---------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "wait_s"), [("rate_limit", 30), ("ban", 120)])
async def test_f46_nothing_is_sent_before_a_venue_wants_to_hear_again(monkeypatch, action, wait_s):
    seldom(monkeypatch)
    async with Stand() as stand:
        await resting(stand)
        refusal = stand.fault("rest", action, "GET *", retry_after_s=wait_s)
        seen = stand.fault("rest", "delay_before", "*", ms=0, count=None)  # it only notes what comes
        await stand.until(lambda: stand.taken(refusal), "a refusal for pace")
        refused = next(each.at for each in stand.twin.faults.log if each.fault == refusal)
        stand.quote()
        await stand.until(lambda: not stand.exchange.open_orders("main"), "it is taken back", seconds=wait_s + 20)
        after = [each for each in stand.twin.faults.log if each.fault == seen and each.at > refused]
        assert after[0].at - refused >= wait_s * SECOND
        assert after[0].what.startswith("DELETE"), [each.what for each in after[:3]]
        await stand.check()


def test_f46_once_the_silence_is_over_cancels_go_before_orders_and_orders_before_questions():
    bench = Bench()
    bench.wire.reply("my_trades", (429, {}, {"retry-after": "20"}))
    bench.wire.usual["my_trades"] = (200, {"trades": [], "after": ""})
    bench.wire.usual["order"] = bench.wire.usual["algo_order"] = (200, None)

    async def work(venue: Any) -> None:
        asking = asyncio.create_task(venue.get_my_trades("BTC/USDT", 0))
        await bench.time.sleep(0.5)
        held = bench.time.ns
        tasks = [asyncio.create_task(venue.get_order("a1", "BTC/USDT"))]
        await bench.time.sleep(16)
        tasks += [
            asyncio.create_task(venue.place_order(order("a2"))),
            asyncio.create_task(venue.cancel_order(cancel())),
        ]
        await asyncio.gather(asking, *tasks)
        sent = [(at, each.endpoint) for at, each in bench.wire.sent if at >= held]
        assert min(at for at, _ in sent) >= held + 19 * SECOND
        assert [name for _, name in sent][:2] == ["cancel", "place"]

    bench.run(work)


async def test_f47_questions_never_eat_what_cancels_need():
    limits = Limits(weight=600)
    async with Stand(
        limits=limits, config={"reconcile": {"orders_s": 0.1, "trades_s": 0.1, "balances_s": 0.1}}
    ) as stand:
        await resting(stand)
        connector = stand.run._reaches[0].connector

        def crowded() -> bool:
            return any(used > limit.most * 8 // 10 for limit, used in connector.limiter.used())

        await stand.until(crowded, "more questions than there is room for", seconds=90)
        stand.quote()
        await stand.until(lambda: not stand.exchange.open_orders("main"), "it is taken back", seconds=2)
        assert not any("asks too often" in line for line in stand.log.lines)
        await stand.check(seconds=120)
