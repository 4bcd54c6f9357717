"""The back door: who has the token arms faults and makes mischief; nobody else learns anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from tests.twin.booth import NOW
from tests.twin.street import BTC, Street
from workbench.core.secret import Secret
from workbench.twin.admin import MISCHIEF, Admin
from workbench.twin.faults import Action, Where
from workbench.twin.mischief import Mischief

TOKEN = "t0ken-für-tests"


@asynccontextmanager
async def door(street: Street) -> AsyncIterator[Any]:
    """Asks the open back door: method, path and JSON to (status, JSON)."""
    admin = Admin(street, Secret(TOKEN))
    url = await admin.open()
    assert url.startswith("http://127.0.0.1:")
    try:
        async with aiohttp.ClientSession() as session:

            async def ask(method: str, path: str, content: Any = None, token: str | None = TOKEN) -> tuple[int, Any]:
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                async with session.request(method, url + path, json=content, headers=headers) as answer:
                    return answer.status, await answer.json()

            yield ask
    finally:
        await admin.close()


def asked(street: Street, *requests: tuple[Any, ...]) -> list[tuple[int, Any]]:
    """The answers to these requests, in order."""

    async def play() -> list[tuple[int, Any]]:
        async with door(street) as ask:
            return [await ask(*each) for each in requests]

    return asyncio.run(play())


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1]])
def test_without_the_token_nothing_is_told_or_done(token: str | None):
    street = Street()
    answers = asked(
        street,
        ("GET", "/admin/health", None, token),
        ("GET", "/admin/truth", None, token),
        ("POST", "/admin/faults", {"where": "rest", "action": "ban"}, token),
        ("POST", "/admin/transfer", {"asset": "BTC", "amount": "1"}, token),
        ("GET", "/admin/nothing", None, token),
    )
    assert {status for status, _ in answers} == {401}
    assert street.faults.armed() == {}
    assert street.total("BTC") == 100


def test_the_token_is_in_no_answer():
    answers = asked(Street(), ("GET", "/admin/health"), ("GET", "/admin/health", None, "wrong"))
    assert TOKEN not in str(answers)


def test_faults_are_armed_listed_taken_and_cleared():
    street = Street()
    faults = [
        {"where": "rest", "match": "POST *", "action": "drop_after", "count": 1},
        {"where": "user", "action": "drop", "at_s": 1.5},
    ]

    async def play() -> list[Any]:
        async with door(street) as ask:
            armed = await ask("POST", "/admin/faults", faults)
            street.faults.hit(Where.REST, "POST /api/v3/order", NOW)
            shown, log = await ask("GET", "/admin/faults"), await ask("GET", "/admin/faults/log")
            one = await ask("DELETE", "/admin/faults?number=1")
            return [armed, shown, log, one, await ask("DELETE", "/admin/faults")]

    armed, shown, log, one, none = asyncio.run(play())
    assert armed == (201, {"numbers": [1, 2]})
    assert shown[1]["2"]["start_ns"] == NOW + 1_500_000_000
    assert log[1]["hits"] == 1
    assert log[1]["log"][0] == {
        "fault": 1,
        "action": "drop_after",
        "where": "rest",
        "what": "POST /api/v3/order",
        "at": NOW,
    }
    assert (one[1], none[1]) == ({"armed": 1}, {"armed": 0})


def test_one_fault_needs_no_list_and_a_list_with_a_wrong_one_arms_none():
    street = Street()
    wrong = [{"where": "rest", "action": "ban"}, {"where": "user", "action": "ban"}]
    answers = asked(street, ("POST", "/admin/faults", wrong), ("POST", "/admin/faults", wrong[0]))
    assert answers[0] == (400, {"error": "fault ban: where is 'user', expected one of rest, wsapi"})
    assert [each.action for each in street.faults.armed().values()] == [Action.BAN]


def test_the_truth_of_an_account_is_told_with_exact_numbers_as_text():
    street = Street()
    street.place("BUY", "0.00001", "999999.99", client_id="mine")
    ((status, truth),) = asked(street, ("GET", "/admin/truth?account=main"))
    assert status == 200
    assert truth["orders"][0]["client_id"] == "mine"
    base = truth["balances"][0]
    assert (base["asset"], Decimal(base["free"]), Decimal(base["locked"])) == ("BTC", Decimal("100.00000999"), 0)
    assert isinstance(base["free"], str)


def test_health_says_what_time_it_is_there_and_how_many_faults_were_taken():
    assert asked(Street(), ("GET", "/admin/health")) == [(200, {"now": NOW, "hits": 0})]


def test_mischief_is_made_by_name_with_exact_amounts():
    street = Street()
    street.place("BUY", "0.5", "90.00", client_id="mine")
    (filled, moved, bare) = asked(
        street,
        ("POST", "/admin/fill", {"symbol": BTC.symbol, "quantity": "0.123", "client_id": "mine"}),
        ("POST", "/admin/transfer", {"asset": "USDT", "amount": "0.00000001"}),
        ("POST", "/admin/restart"),
    )
    assert (filled[0], filled[1]["done"]["what"], moved, bare[0]) == (200, "TRADE", (200, {"done": None}), 200)
    assert street.order("mine").filled == Decimal("0.123")
    assert street.restarts == [0]


WRONG = [
    ("/admin/skew", {"ms": "soon"}, "Expected `int`, got `str` - at `$.ms`"),
    ("/admin/skew", {}, "Object missing required field `ms`"),
    ("/admin/skew", {"ms": 1, "s": 2}, "Object contains unknown field `s`"),
    ("/admin/fill", {"symbol": BTC.symbol, "quantity": "1", "client_id": "nobody"}, "unknown order"),
    ("/admin/trading", {"symbol": BTC.symbol, "allows": "SLEEP"}, "Invalid enum value 'SLEEP'"),
    ("/admin/revoke", {"key": "none"}, "API key 'none'"),
    ("/admin/truth?account=nobody", None, "account"),
]


@pytest.mark.parametrize(("path", "content", "complaint"), WRONG)
def test_what_is_wrong_with_a_request_is_said_in_one_line(path: str, content: Any, complaint: str):
    method = "GET" if content is None else "POST"
    ((status, answer),) = asked(Street(), (method, path, content))
    assert status == 400
    assert complaint.lower() in answer["error"].lower()


def test_every_mischief_has_its_door():
    own = {name for name in vars(Mischief) if not name.startswith("_")}
    assert set(MISCHIEF) == own
