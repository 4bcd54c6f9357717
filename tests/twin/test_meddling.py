"""What each fault does on the wire, seen from a raw connection, and whether the order was executed."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.twin.booth import NOW, Booth, Seen, ask, listen, rest, run
from workbench.twin.faults import Action, Fault, Where

WHOLE = json.dumps({"orderId": 1, "said": "q=1", "padding": "x" * 300}).encode()


class Case(NamedTuple):
    """A REST fault and what must be seen of it."""

    action: Action
    args: dict[str, Any]
    executed: int  # when the answer is there
    status: int
    ended: str = "open"
    says: str = ""


REQUESTS = [
    Case(Action.DROP_BEFORE, {}, 0, 0, "reset"),
    Case(Action.DROP_AFTER, {}, 1, 0, "reset"),
    Case(Action.RESET_MID_BODY, {}, 1, 200, "reset"),
    Case(Action.TRUNCATED_BODY, {}, 1, 200, "closed"),
    Case(Action.HTML_200, {}, 1, 200, says="<html>"),
    Case(Action.NOT_JSON, {}, 1, 200),
    Case(Action.STATUS_BEFORE, {"status": 502}, 0, 502, says="<h1>502</h1>"),
    Case(Action.STATUS_BEFORE, {"status": 403}, 0, 403, says="<html>"),
    Case(Action.STATUS_BEFORE, {"status": 503, "code": -1008}, 0, 503, says='{"code": -1008, "msg": "Server is curr'),
    Case(Action.STATUS_AFTER, {"status": 400, "code": -1000}, 1, 400, says='{"code": -1000, "msg": "An unknown error'),
    Case(Action.STATUS_AFTER, {"status": 400, "code": -1001}, 1, 400, says='{"code": -1001, "msg": "Internal error'),
    Case(Action.STATUS_AFTER, {"status": 400, "code": -1006}, 1, 400, says='{"code": -1006, "msg": "An unexpected'),
    Case(Action.STATUS_AFTER, {"status": 504, "code": -1007}, 1, 504, says='{"code": -1007, "msg": "Timeout'),
    Case(Action.STATUS_AFTER, {"status": 500, "body": '{"own": 1}'}, 1, 500, says='{"own": 1}'),
    Case(Action.RATE_LIMIT, {"retry_after_s": 7}, 0, 429, says="Retry-After: 7"),
    Case(Action.BAN, {}, 0, 418, says="Retry-After: 120"),
    Case(Action.TOO_MANY_ORDERS, {}, 0, 429, says='{"code": -1015, "msg": "Too many new orders'),
    Case(Action.EMPTY_200, {"body": "{}"}, 0, 200, says="{}"),
]


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.action.value)
def test_a_rest_fault_executes_or_not_and_answers_as_it_says(case: Case):
    booth = Booth(rest(case.action, **case.args))
    seen = run(booth, lambda booth: ask(booth.port))
    assert (booth.executed, seen.status, seen.ended) == (case.executed, case.status, case.ended)
    assert case.says in seen.data.decode()
    assert [each.what for each in booth.faults.log] == ["POST /api/v3/order"]


@pytest.mark.parametrize("action", [Action.RESET_MID_BODY, Action.TRUNCATED_BODY, Action.NOT_JSON])
def test_half_of_the_answer_is_half_of_the_answer(action: Action):
    seen = run(Booth(rest(action)), lambda booth: ask(booth.port))
    promised = len(WHOLE) // 2 if action is Action.NOT_JSON else len(WHOLE)
    assert f"content-length: {promised}\r" in seen.data.decode().lower()
    assert seen.body == WHOLE[: len(WHOLE) // 2]


def test_without_a_fault_everything_passes_as_it_is():
    booth = Booth(Fault(where=Where.REST, action=Action.BAN, match="GET *"))
    seen = run(booth, lambda booth: ask(booth.port))
    assert (seen.status, seen.body, booth.executed) == (200, WHOLE, 1)


def test_a_delay_before_executes_late_and_a_delay_after_answers_late():
    async def play(booth: Booth) -> tuple[int, int]:
        asked = asyncio.create_task(ask(booth.port))
        await asyncio.sleep(0.05)
        early = booth.executed
        assert (await asked).status == 200
        return early, booth.executed

    assert run(Booth(rest(Action.DELAY_BEFORE, ms=150)), play) == (0, 1)
    assert run(Booth(rest(Action.DELAY_AFTER, ms=150)), play) == (1, 1)


def test_an_order_whose_client_gave_up_is_executed_all_the_same():
    async def play(booth: Booth) -> int:
        _, writer = await asyncio.open_connection("127.0.0.1", booth.port)
        writer.write(b"POST /api/v3/order HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nq=1")
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await asyncio.sleep(0.2)
        return booth.executed

    assert run(Booth(rest(Action.DELAY_BEFORE, ms=100)), play) == 1


@pytest.mark.parametrize(("status", "ended"), [(504, "open"), (0, "reset")])
def test_a_late_accept_answers_now_and_executes_later(status: int, ended: str):
    async def play(booth: Booth) -> tuple[Seen, int, int]:
        seen = await ask(booth.port)
        early = booth.executed
        await asyncio.sleep(0.4)
        return seen, early, booth.executed

    seen, early, late = run(Booth(rest(Action.LATE_ACCEPT, ms=400, status=status)), play)
    assert (seen.status, seen.ended, early, late) == (status, ended, 0, 1)
    assert not status or b'"code": -1007' in seen.body


def test_a_stale_snapshot_is_the_answer_before_or_one_that_lags():
    async def play(booth: Booth) -> list[int]:
        return [json.loads((await ask(booth.port, "GET /api/v3/depth")).body)["lastUpdateId"] for _ in range(3)]

    stale = Fault(where=Where.REST, action=Action.STALE_SNAPSHOT, skip=1, count=1)
    assert run(Booth(stale), play) == [5_001, 5_001, 5_003]
    assert run(Booth(rest(Action.STALE_SNAPSHOT, by=1_000)), play) == [4_001, 5_002, 5_003]


def test_connections_are_refused_for_a_while_and_then_welcome_on_the_same_port():
    async def play(booth: Booth) -> tuple[Seen, int]:
        first = await ask(booth.port)
        with pytest.raises(ConnectionRefusedError):
            await ask(booth.port)
        while booth.meddler.refusing:
            await asyncio.sleep(0.02)
        return first, (await ask(booth.port)).status

    booth = Booth(rest(Action.REFUSE_CONNECTIONS, ms=400))
    first, status = run(booth, play)
    assert (first.ended, status, booth.executed) == ("reset", 200, 1)


def test_standing_connections_are_reset_while_connections_are_refused():
    async def play(booth: Booth) -> None:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{booth.port}/api/v3/order"
            async with session.post(url) as answer:
                assert answer.status == 200
            await booth.meddler.refuse(5_000)
            with pytest.raises(aiohttp.ClientError):
                await session.post(url)

    run(Booth(), play)


def test_no_fault_stands_before_the_back_door():
    booth = Booth(Fault(where=Where.REST, action=Action.BAN))
    assert run(booth, lambda booth: ask(booth.port, "GET /admin/health")).status == 200


def test_a_handshake_is_refused_with_a_status_and_the_time_to_wait():
    fault = Fault(
        where=Where.STREAM, action=Action.REFUSE_HANDSHAKE, match="/ws", args={"status": 429, "retry_after_s": 3}
    )
    seen = run(Booth(fault), lambda booth: listen(booth.port))
    assert seen.status == 429
    assert "Retry-After: 3" in seen.head


TRADE = '{"e":"trade","E":100,"s":"BTCUSDT","t":7,"p":"50.10","q":"2.50","b":88,"a":50,"T":99,"m":true}'
DEPTH = '{"e":"depthUpdate","E":100,"U":5,"u":6,"b":[["10.0","1.0"]],"a":[["11.0","2.0"]]}'
QUOTE = '{"stream":"x","data":{"u":1,"b":"10.0","B":"1.0","a":"11.0","A":"2.0"}}'


def messages(action: Action, *payloads: str, where: Where = Where.STREAM, match: str = "*", **args: Any) -> Any:
    """What a client reads when the first message is hit, up to the close or the quiet; a close is its code."""
    booth = Booth(Fault(where=where, action=action, match=match, args=args, count=1))
    booth.where, booth.script = where, [(f"message {number}", each) for number, each in enumerate(payloads)]
    return run(booth, lambda booth: _read(booth)), booth


async def _read(booth: Booth) -> list[Any]:
    seen: list[Any] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{booth.port}/ws") as socket:
        while True:
            try:
                message = await socket.receive(timeout=0.25)
            except TimeoutError:
                return seen
            if message.type is not aiohttp.WSMsgType.TEXT:
                return [*seen, socket.close_code]
            seen.append(message.data)


SENT: list[tuple[Action, dict[str, Any], list[Any]]] = [
    (Action.DROP, {}, ["b", "c"]),
    (Action.GAP, {}, ["b", "c"]),
    (Action.DUPLICATE, {}, ["a", "a", "b", "c"]),
    (Action.DUPLICATE, {"times": 2}, ["a", "a", "a", "b", "c"]),
    (Action.BURST, {"times": 40}, ["a"] * 41 + ["b", "c"]),
    (Action.DELAY, {"ms": 50}, ["b", "c", "a"]),
    (Action.REORDER, {}, ["b", "a", "c"]),
    (Action.CLOSE, {}, ["b", "c", 1001]),
    (Action.CLOSE, {"code": 1008}, ["b", "c", 1008]),
    (Action.SILENCE, {}, []),
    (Action.HALF_OPEN, {}, []),
]


@pytest.mark.parametrize(("action", "args", "seen"), SENT)
def test_a_message_is_lost_doubled_late_or_out_of_order_as_the_fault_says(
    action: Action, args: dict[str, Any], seen: list[Any]
):
    assert messages(action, "a", "b", "c", **args)[0] == seen


def test_a_message_that_waits_for_the_next_one_comes_alone_where_there_is_none():
    assert messages(Action.REORDER, "a", ms=50)[0] == ["a"]


def test_every_second_message_is_swapped_with_the_one_before_where_all_are_reordered():
    booth = Booth(Fault(where=Where.STREAM, action=Action.REORDER), script=[("x", each) for each in "abcdef"])
    assert run(booth, lambda booth: _read(booth)) == ["b", "a", "d", "c", "f", "e"]


def test_a_killed_socket_is_reset_and_a_closed_one_is_not():
    script = [("x", "before"), ("y", "never")]
    killed = Booth(Fault(where=Where.STREAM, action=Action.KILL, match="y"), script=script)
    seen = run(killed, lambda booth: listen(booth.port))
    assert seen.ended == "reset"
    assert b"before" in seen.data
    assert b"never" not in seen.data


def test_a_corrupt_message_is_no_json():
    (seen,), _ = messages(Action.CORRUPT, TRADE)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(seen)


LIES: list[tuple[Action, dict[str, Any], str, dict[str, Any]]] = [
    (Action.ZERO, {}, TRADE, {"q": "0.00", "p": "50.10"}),
    (Action.ZERO, {"field": "price"}, TRADE, {"p": "00.00", "q": "2.50"}),
    (Action.NEGATIVE, {}, TRADE, {"p": "-50.10", "b": 88, "t": 7}),
    (Action.NAN, {}, TRADE, {"p": "NaN", "s": "BTCUSDT"}),
    (Action.FUTURE, {"ms": 1_000}, TRADE, {"E": 1_100, "T": 1_099, "t": 7}),
    (Action.OUT_OF_RANGE, {}, TRADE, {"p": "50100.00", "q": "2.50", "a": 50}),
    (Action.CROSSED, {}, TRADE, {"b": 88, "a": 50}),
    (Action.CROSSED, {}, DEPTH, {"b": [["11.0", "2.0"]], "a": [["10.0", "1.0"]], "u": 6}),
    (Action.NAN, {"field": "quantity"}, DEPTH, {"b": [["10.0", "NaN"]], "a": [["11.0", "NaN"]]}),
    (Action.CROSSED, {}, QUOTE, {"data": {"u": 1, "b": "11.0", "B": "2.0", "a": "10.0", "A": "1.0"}}),
]


@pytest.mark.parametrize(("action", "args", "payload", "changed"), LIES)
def test_a_market_message_lies_in_the_fields_it_is_meant_to_and_in_no_other(
    action: Action, args: dict[str, Any], payload: str, changed: dict[str, Any]
):
    (seen,), _ = messages(action, payload, **args)
    assert json.loads(seen) == {**json.loads(payload), **changed}


OKX = '{"arg":{"channel":"trades"},"data":[{"px":"50.1","sz":"2","ts":"100","tradeId":"7"}]}'


def test_lies_are_told_in_the_words_of_other_venues_too():
    (seen,), _ = messages(Action.FUTURE, OKX, ms=900)
    assert json.loads(seen)["data"][0] == {"px": "50.1", "sz": "2", "ts": "1000", "tradeId": "7"}


EVENT = '{"subscriptionId":4,"event":{"e":"executionReport"}}'


@pytest.mark.parametrize("action", [Action.STREAM_TERMINATED, Action.LISTEN_LOSS])
def test_the_server_is_told_that_the_stream_of_an_account_is_over(action: Action):
    seen, booth = messages(action, EVENT, where=Where.USER, match="message 0")
    assert booth.over == ["message 0"]
    said = {"subscriptionId": 4, "event": {"e": "eventStreamTerminated", "E": NOW // 1_000_000}}
    assert [json.loads(each) for each in seen] == ([said] if action is Action.STREAM_TERMINATED else [])


def test_a_shutdown_is_announced_before_the_socket_is_closed():
    seen, _ = messages(Action.SERVER_SHUTDOWN, "a", ms=20)
    assert [seen[0], json.loads(seen[1]), seen[2]] == ["a", {"e": "serverShutdown", "E": NOW // 1_000_000}, 1001]


@pytest.mark.parametrize(("action", "heard"), [(Action.SILENCE, []), (Action.HALF_OPEN, ["order.place"])])
def test_nothing_comes_out_of_a_silent_socket_not_even_a_pong_and_only_half_open_still_hears(
    action: Action, heard: list[str]
):
    async def play(booth: Booth) -> list[Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{booth.port}/ws", autoping=False) as socket,
        ):
            await socket.ping(b"there?")
            await socket.send_str("order.place")
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=0.2)
            return booth.heard

    booth = Booth(Fault(where=Where.STREAM, action=action), script=[("x", "a")])
    assert run(booth, play) == heard
    assert booth.executed == len(heard)


CALLS: list[tuple[Action, dict[str, Any], int, Any]] = [
    (Action.DELAY_BEFORE, {"ms": 20}, 1, {"orderId": 1}),
    (Action.DELAY_AFTER, {"ms": 20}, 1, {"orderId": 1}),
    (Action.DROP_BEFORE, {}, 0, None),
    (Action.DROP_AFTER, {}, 1, None),
    (Action.NOT_JSON, {}, 1, ValueError),
    (Action.STATUS_BEFORE, {"code": -1008}, 0, {"id": "id-1", "status": 503}),
    (Action.STATUS_AFTER, {"status": 500}, 1, {"id": "id-1", "status": 500}),
    (Action.LATE_ACCEPT, {"ms": 0}, 1, {"id": "id-1", "status": 504}),
    (Action.LATE_ACCEPT, {"ms": 0, "status": 0}, 1, None),
    (Action.RATE_LIMIT, {}, 0, {"id": "id-1", "status": 429}),
    (Action.BAN, {}, 0, {"id": "id-1", "status": 418}),
    (Action.TOO_MANY_ORDERS, {}, 0, {"id": "id-1", "status": 429}),
    (Action.EMPTY_200, {}, 0, {"id": "id-1", "status": 200, "result": []}),
    (Action.REFUSE_CONNECTIONS, {"ms": 50}, 0, None),
]


@pytest.mark.parametrize(("action", "args", "executed", "reply"), CALLS)
def test_a_call_on_a_socket_meets_the_same_faults(action: Action, args: dict[str, Any], executed: int, reply: Any):
    async def play(booth: Booth) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{booth.port}/ws") as socket,
        ):
            await socket.send_str("order.place")
            message = await socket.receive(timeout=1)
            await asyncio.sleep(0.02)
            return message.data if message.type is aiohttp.WSMsgType.TEXT else None

    booth = Booth(Fault(where=Where.WSAPI, action=action, match="order.place", args=args, count=1))
    seen = run(booth, play)
    assert booth.executed == executed
    if reply is ValueError:
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads(seen)
    elif reply is None:
        assert seen is None
    else:
        assert json.loads(seen).items() >= reply.items()


def test_every_action_is_exercised_by_name():
    tables = {row[0] for row in [*REQUESTS, *SENT, *LIES, *CALLS]}
    alone = {
        Action.STALE_SNAPSHOT,
        Action.REFUSE_HANDSHAKE,
        Action.KILL,
        Action.CORRUPT,
        Action.STREAM_TERMINATED,
        Action.LISTEN_LOSS,
        Action.SERVER_SHUTDOWN,
    }
    elsewhere = {Action.QUERY_LAG, Action.FILL_FIRST, Action.CANCEL_FIRST}  # in test_faults and test_mischief
    assert tables | alone | elsewhere == set(Action)
