"""What goes wrong on one day, made from a seed: several troubles at a time, in rotation over all that there are.

The same seed makes the same schedule; what it meets depends on the machine only as far as threads do.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from workbench.twin.actions import Action, Argument, Where
from workbench.twin.faults import Fault

AT_ONCE = (3, 8)  # troubles
MIXES = 3  # of them on a day, one after the other
MIX_S = 20.0

ORDER, CANCEL = "POST /api/v3/order", "DELETE /api/v3/order"
QUESTIONS = ("GET /api/v3/order", "GET /api/v3/openOrders", "GET /api/v3/myTrades", "GET /api/v3/account")
CALLS = (ORDER, ORDER, ORDER, CANCEL, CANCEL, *QUESTIONS, "*")
REPORTS = ("executionReport:*", "executionReport:TRADE", "executionReport:NEW", "*")
BOOKS = ("*@depth*",)
MARKET = ("*@bookTicker", "*@depth*", "*")

Range = tuple[int, int]  # both counted in
Span = Range | list[Argument]  # a number between two, or one of several


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue promises of its requests, in milliseconds: the bounds that delays keep to."""

    recv_window_ms: int = 500
    max_accept_delay_ms: int = 1_000
    query_lag_ms: int = 1_500  # below what a run reckons with


SCALED = Times()
TRUE = Times(recv_window_ms=5_000, max_accept_delay_ms=10_000)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of trouble: a fault at a door, or a deed of somebody, which has neither door nor chance.

    `per_mille` is the chance of each match; arguments are drawn from their ranges, and `late` names the argument that
    may be as large as the venue's longest delay.
    """

    name: str
    where: Where | None = None
    matches: Sequence[str] = ("*",)
    per_mille: Range = (1_000, 1_000)
    args: Mapping[str, Span] = {}
    late: str = ""
    count: int | None = None


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One trouble of a day, from and until when, in seconds from its beginning."""

    kind: str
    start_s: float
    end_s: float
    fault: Fault | None = None
    hinders: bool = False  # whether questions to the venue may fail meanwhile
    dice: int = 0


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A day: its troubles by their beginning, and how the run that lives through it is set up."""

    seed: int
    times: Times
    troubles: tuple[Trouble, ...]
    topics: tuple[str, ...]
    generous: bool  # whether the venue's limits are wide; narrow ones are met now and then
    patience: int

    @property
    def name(self) -> str:
        """What a test calls it."""
        return f"seed-{self.seed}" if self.times == SCALED else f"true-seed-{self.seed}"

    @property
    def flag(self) -> str:
        """What runs this very day again."""
        return f"--{'seeds' if self.times == SCALED else 'true-times'} {self.seed}:{self.seed + 1}"

    @property
    def quiet_s(self) -> float:
        """When nothing goes wrong any more."""
        return MIXES * MIX_S * (1 if self.times == SCALED else 3)


STATUS: Mapping[str, Span] = {"status": [403, 500, 502, 503, 504], "code": [0, -1000, -1001, -1006, -1007, -1008]}
WAIT: Mapping[str, Span] = {"retry_after_s": (1, 4)}
FIELD: Span = ["price", "quantity"]


def _calls(action: Action, *, chance: Range, late: str = "", **args: Span) -> tuple[Kind, Kind]:
    """At REST, and on the WS-API, which carries one call for each connection."""
    rest = Kind(name=f"{action} rest", where=Where.REST, matches=CALLS, per_mille=chance, args=args, late=late)
    wsapi = Kind(name=f"{action} wsapi", where=Where.WSAPI, per_mille=(300, 800), args=args, late=late)
    return rest, wsapi


def _rest(action: Action, *, chance: Range, matches: Sequence[str] = CALLS, **args: Span) -> Kind:
    return Kind(name=f"{action} rest", where=Where.REST, matches=matches, per_mille=chance, args=args)


def _sockets(action: Action, *, user: Range, stream: Range, **args: Span) -> tuple[Kind, Kind, Kind]:
    """At the account's events, the market's, and the WS-API's answers."""
    return (
        Kind(name=f"{action} user", where=Where.USER, matches=REPORTS, per_mille=user, args=args),
        Kind(name=f"{action} stream", where=Where.STREAM, matches=MARKET, per_mille=stream, args=args),
        Kind(name=f"{action} wsapi", where=Where.WSAPI, per_mille=(200, 500), args=args),
    )


def _market(action: Action, *, chance: Range = (10, 200), matches: Sequence[str] = MARKET, **args: Span) -> Kind:
    return Kind(name=f"{action} stream", where=Where.STREAM, matches=matches, per_mille=chance, args=args)


OFTEN, NOW_AND_THEN, RARELY = (100, 400), (30, 150), (5, 30)

KINDS: tuple[Kind, ...] = (
    *_calls(Action.DELAY_BEFORE, chance=OFTEN, late="ms", ms=(5, 0)),
    *_calls(Action.DELAY_AFTER, chance=OFTEN, ms=(5, 4_000)),
    *_calls(Action.DROP_BEFORE, chance=NOW_AND_THEN),
    *_calls(Action.DROP_AFTER, chance=NOW_AND_THEN),
    _rest(Action.RESET_MID_BODY, chance=NOW_AND_THEN),
    _rest(Action.TRUNCATED_BODY, chance=NOW_AND_THEN),
    _rest(Action.HTML_200, chance=NOW_AND_THEN),
    *_calls(Action.NOT_JSON, chance=NOW_AND_THEN),
    *_calls(Action.STATUS_BEFORE, chance=NOW_AND_THEN, **STATUS),
    *_calls(Action.STATUS_AFTER, chance=NOW_AND_THEN, **STATUS),
    *_calls(Action.LATE_ACCEPT, chance=NOW_AND_THEN, late="ms", ms=(5, 0), status=[0, 504]),
    *_calls(Action.RATE_LIMIT, chance=RARELY, **WAIT),
    *_calls(Action.BAN, chance=RARELY, **WAIT),
    *_calls(Action.TOO_MANY_ORDERS, chance=RARELY, **WAIT),
    *_calls(Action.EMPTY_200, chance=NOW_AND_THEN, body=["[]", "{}"]),
    _rest(Action.STALE_SNAPSHOT, chance=OFTEN, matches=("GET /api/v3/depth",), by=(1, 1_000)),
    Kind(name="refuse_connections rest", where=Where.REST, per_mille=(10, 50), args={"ms": (100, 3_000)}, count=2),
    Kind(name="refuse_connections wsapi", where=Where.WSAPI, per_mille=(300, 800), args={"ms": (100, 3_000)}, count=2),
    Kind(
        name="refuse_connections stream", where=Where.STREAM, per_mille=(300, 800), args={"ms": (100, 3_000)}, count=2
    ),
    _rest(Action.FILL_FIRST, chance=OFTEN, matches=(CANCEL, CANCEL, *QUESTIONS)),
    _rest(Action.CANCEL_FIRST, chance=OFTEN, matches=(CANCEL,)),
    Kind(name="query_lag rest", where=Where.REST, per_mille=OFTEN, args={"ms": (100, 0)}),
    Kind(name="refuse_handshake wsapi", where=Where.WSAPI, per_mille=(300, 800), args={"status": [429, 503]}),
    Kind(name="refuse_handshake stream", where=Where.STREAM, per_mille=(300, 800), args={"status": [429, 503]}),
    *_sockets(Action.KILL, user=(10, 60), stream=(2, 10)),
    *_sockets(Action.CLOSE, user=(10, 60), stream=(2, 10)),
    *_sockets(Action.SILENCE, user=(5, 30), stream=(1, 5)),
    *_sockets(Action.HALF_OPEN, user=(5, 30), stream=(1, 5)),
    *_sockets(Action.DROP, user=(200, 800), stream=OFTEN),
    *_sockets(Action.DUPLICATE, user=OFTEN, stream=OFTEN, times=(1, 5)),
    *_sockets(Action.DELAY, user=OFTEN, stream=OFTEN, ms=(5, 5_000)),
    *_sockets(Action.REORDER, user=OFTEN, stream=OFTEN, ms=(100, 2_000)),
    *_sockets(Action.CORRUPT, user=(20, 100), stream=(2, 20)),
    *_sockets(Action.SERVER_SHUTDOWN, user=(10, 60), stream=(2, 10), ms=(10, 1_000)),
    _market(Action.GAP, matches=BOOKS),
    _market(Action.CROSSED),
    _market(Action.ZERO, field=FIELD),
    _market(Action.NEGATIVE, field=FIELD),
    _market(Action.NAN, field=FIELD),
    _market(Action.FUTURE, ms=(10_000, 3_600_000)),
    _market(Action.OUT_OF_RANGE, times=(10, 1_000)),
    _market(Action.BURST, chance=RARELY, times=(10, 200)),
    Kind(name="stream_terminated user", where=Where.USER, matches=REPORTS, per_mille=(10, 60)),
    Kind(name="listen_loss user", where=Where.USER, matches=REPORTS, per_mille=(5, 30)),
    *(
        Kind(name=each)
        for each in (
            "skew",
            "drift",
            "fill",
            "late_fill",
            "expire",
            "trading",
            "filters",
            "revoke",
            "restrict",
            "by_hand",
            "transfer",
            "restart",
            "market_moves",
            "crash",
        )
    ),
)

_HINDERS = frozenset({"skew", "drift", "revoke", "restrict", "restart", "crash"})


def schedule(seed: int, *, times: Times = SCALED) -> Schedule:
    """The day of a seed."""
    dice = random.Random(f"day/{seed}")
    troubles: list[Trouble] = []
    length = Schedule(seed=seed, times=times, troubles=(), topics=(), generous=True, patience=1).quiet_s / MIXES
    for mix in range(MIXES):
        for kind in _turn(seed * MIXES + mix, dice.randint(*AT_ONCE)):
            start = mix * length + dice.uniform(0, length / 4)
            end = (mix + 1) * length - dice.uniform(0, length / 4)
            troubles.append(_trouble(kind, start, end, dice, times))
    return Schedule(
        seed=seed,
        times=times,
        troubles=tuple(sorted(troubles, key=lambda each: each.start_s)),
        topics=dice.choice((("quotes",), ("quotes", "trades"), ("trades", "book:20"), ("quotes", "book:20"))),
        generous=dice.random() < 0.5,
        patience=dice.randint(2, 8),
    )


def _turn(number: int, count: int) -> list[Kind]:
    """The kinds of a mix: one by its turn, so that none is forgotten, the others by chance."""
    others = random.Random(f"mix/{number}").sample(KINDS, count)
    own = KINDS[number * 5 % len(KINDS)]
    return [own, *(each for each in others if each is not own)][:count]


def _trouble(kind: Kind, start: float, end: float, dice: random.Random, times: Times) -> Trouble:
    fault = None
    if kind.where is not None:
        fault = Fault(
            where=kind.where,
            action=Action(kind.name.split()[0]),
            match=dice.choice(list(kind.matches)),
            args={name: _drawn(kind, name, span, dice, times) for name, span in kind.args.items()},
            count=kind.count,
            probability_ppm=dice.randint(*kind.per_mille) * 1_000,
        )
    hinders = kind.name in _HINDERS or kind.where is Where.REST or kind.name.startswith("refuse_connections")
    number = dice.randrange(2**32)
    return Trouble(kind=kind.name, start_s=start, end_s=end, fault=fault, hinders=hinders, dice=number)


def _drawn(kind: Kind, name: str, span: Span, dice: random.Random, times: Times) -> Argument:
    if isinstance(span, list):
        return dice.choice(span)
    low, high = span
    if name == kind.late:
        high = times.max_accept_delay_ms
    elif kind.name.startswith("query_lag"):
        high = times.query_lag_ms
    return dice.randint(low, high)
