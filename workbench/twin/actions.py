"""What can go wrong on the local exchange: doors, moments and actions, with the arguments that each action has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

FIELDS = ("price", "quantity")  # of a market message, for the argument `field`

Argument = int | str | bool


class Where(StrEnum):
    """Which door a fault stands at."""

    REST = "rest"  # matched against "POST /api/v3/order"
    WSAPI = "wsapi"  # against the method, "order.place", or "login" and "subscribe:orders"
    STREAM = "stream"  # against the stream, "btcusdt@trade" or "trades:BTC-USDT"
    USER = "user"  # against the event, "executionReport:TRADE" or "orders:filled"


class Phase(StrEnum):
    """The moment at which an action can be taken."""

    REQUEST = "request"  # REST or WS-API; matched as above
    HANDSHAKE = "handshake"  # of a socket; matched against the path, "/ws-api/v3"
    MESSAGE = "message"  # that a socket is about to send
    ORDER = "order"  # that a query would show; matched against its client id


class Action(StrEnum):
    """What goes wrong."""

    DELAY_BEFORE = "delay_before"  # execute and answer late
    DELAY_AFTER = "delay_after"  # execute now, answer late
    DROP_BEFORE = "drop_before"  # reset the connection, execute nothing
    DROP_AFTER = "drop_after"  # execute, then reset
    RESET_MID_BODY = "reset_mid_body"  # execute, send half of the answer, reset
    TRUNCATED_BODY = "truncated_body"  # execute, send half of the answer, close
    HTML_200 = "html_200"  # execute, then answer a web page with status 200
    NOT_JSON = "not_json"  # execute, then answer half of the JSON as if it were all
    STATUS_BEFORE = "status_before"  # execute nothing, answer this status
    STATUS_AFTER = "status_after"  # execute, answer this status
    LATE_ACCEPT = "late_accept"  # answer a time-out now (status 0: reset), execute later
    RATE_LIMIT = "rate_limit"  # 429
    BAN = "ban"  # 418
    TOO_MANY_ORDERS = "too_many_orders"  # 429 with -1015
    EMPTY_200 = "empty_200"  # execute nothing, answer an empty list or map
    STALE_SNAPSHOT = "stale_snapshot"  # of a book: the answer before this one
    REFUSE_CONNECTIONS = "refuse_connections"  # of every kind, for a while
    FILL_FIRST = "fill_first"  # somebody trades with the account's orders, then the request is executed
    CANCEL_FIRST = "cancel_first"  # execute, then somebody trades with orders that it ended
    QUERY_LAG = "query_lag"  # queries do not see orders younger than this

    REFUSE_HANDSHAKE = "refuse_handshake"

    KILL = "kill"  # reset the socket
    CLOSE = "close"  # close it in good order
    SILENCE = "silence"  # open, but nothing comes out and nothing is heard
    HALF_OPEN = "half_open"  # what the client says is heard and done, but nothing comes out
    DROP = "drop"
    DUPLICATE = "duplicate"
    DELAY = "delay"  # this message alone; later ones overtake it
    REORDER = "reorder"  # after the next message of the socket
    CORRUPT = "corrupt"  # no JSON any more
    GAP = "gap"  # a diff of a book is missing
    CROSSED = "crossed"  # bids and asks change places
    ZERO = "zero"
    NEGATIVE = "negative"
    NAN = "nan"
    FUTURE = "future"
    OUT_OF_RANGE = "out_of_range"
    BURST = "burst"
    STREAM_TERMINATED = "stream_terminated"  # the account's stream ends, with its event
    LISTEN_LOSS = "listen_loss"  # the account's stream ends without a word
    SERVER_SHUTDOWN = "server_shutdown"  # announced, then closed


class Terms(msgspec.Struct, frozen=True):
    """Where and when an action makes sense, and its arguments with their defaults, which also say their kind."""

    doors: tuple[Where, ...]
    phases: tuple[Phase, ...]
    args: Mapping[str, Argument] = {}


_CALLS = ((Where.REST, Where.WSAPI), (Phase.REQUEST,))
_REST = ((Where.REST,), (Phase.REQUEST,))
_SOCKETS = ((Where.WSAPI, Where.STREAM, Where.USER), (Phase.MESSAGE,))
_MARKET = ((Where.STREAM,), (Phase.MESSAGE,))
_ACCOUNT = ((Where.USER,), (Phase.MESSAGE,))
_RACE: dict[str, Argument] = {"account": "main", "client_id": "*", "quantity": ""}  # no quantity: all that remains
_STATUS: dict[str, Argument] = {
    "status": 503,
    "code": 0,
    "text": "",
    "body": "",
    "retry_after_s": 0,
}  # code 0: a web page; body: verbatim

TERMS: dict[Action, Terms] = {
    Action.DELAY_BEFORE: Terms(*_CALLS, {"ms": 1_000}),
    Action.DELAY_AFTER: Terms(*_CALLS, {"ms": 1_000}),
    Action.DROP_BEFORE: Terms(*_CALLS),
    Action.DROP_AFTER: Terms(*_CALLS),
    Action.RESET_MID_BODY: Terms(*_REST),
    Action.TRUNCATED_BODY: Terms(*_REST),
    Action.HTML_200: Terms(*_REST),
    Action.NOT_JSON: Terms(*_CALLS),
    Action.STATUS_BEFORE: Terms(*_CALLS, _STATUS),
    Action.STATUS_AFTER: Terms(*_CALLS, _STATUS),
    Action.LATE_ACCEPT: Terms(*_CALLS, {**_STATUS, "status": 504, "code": -1007, "ms": 2_000}),
    Action.RATE_LIMIT: Terms(*_CALLS, {**_STATUS, "status": 429, "code": -1003, "retry_after_s": 2}),
    Action.BAN: Terms(*_CALLS, {**_STATUS, "status": 418, "code": -1003, "retry_after_s": 120}),
    Action.TOO_MANY_ORDERS: Terms(*_CALLS, {**_STATUS, "status": 429, "code": -1015, "retry_after_s": 10}),
    Action.EMPTY_200: Terms(*_CALLS, {"body": "[]"}),
    Action.STALE_SNAPSHOT: Terms(*_REST, {"by": 1_000}),  # updates it is behind, where there was no answer before
    Action.REFUSE_CONNECTIONS: Terms(
        (Where.REST, Where.WSAPI, Where.STREAM), (Phase.REQUEST, Phase.HANDSHAKE), {"ms": 3_000}
    ),
    Action.FILL_FIRST: Terms(*_CALLS, _RACE),
    Action.CANCEL_FIRST: Terms(*_CALLS, _RACE),
    Action.QUERY_LAG: Terms((Where.REST,), (Phase.ORDER,), {"ms": 2_000}),
    Action.REFUSE_HANDSHAKE: Terms((Where.WSAPI, Where.STREAM), (Phase.HANDSHAKE,), _STATUS),
    Action.KILL: Terms(*_SOCKETS),
    Action.CLOSE: Terms(*_SOCKETS, {"code": 1001, "text": ""}),
    Action.SILENCE: Terms(*_SOCKETS),
    Action.HALF_OPEN: Terms(*_SOCKETS),
    Action.DROP: Terms(*_SOCKETS),
    Action.DUPLICATE: Terms(*_SOCKETS, {"times": 1}),
    Action.DELAY: Terms(*_SOCKETS, {"ms": 1_000}),
    Action.REORDER: Terms(*_SOCKETS, {"ms": 1_000}),  # how long it waits for a next message at most
    Action.CORRUPT: Terms(*_SOCKETS),
    Action.GAP: Terms(*_MARKET),
    Action.CROSSED: Terms(*_MARKET),
    Action.ZERO: Terms(*_MARKET, {"field": "quantity"}),
    Action.NEGATIVE: Terms(*_MARKET, {"field": "price"}),
    Action.NAN: Terms(*_MARKET, {"field": "price"}),
    Action.FUTURE: Terms(*_MARKET, {"ms": 3_600_000}),
    Action.OUT_OF_RANGE: Terms(*_MARKET, {"times": 1_000}),
    Action.BURST: Terms(*_MARKET, {"times": 1_000}),
    Action.STREAM_TERMINATED: Terms(*_ACCOUNT),
    Action.LISTEN_LOSS: Terms(*_ACCOUNT),
    Action.SERVER_SHUTDOWN: Terms(*_SOCKETS, {"ms": 1_000}),
}
