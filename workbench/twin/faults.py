"""Faults on demand: what goes wrong, where, how often and when; the same seed and the same calls give the same hits."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from fnmatch import fnmatchcase
from random import Random

import msgspec

from workbench.core.errors import ConfigError
from workbench.twin.actions import FIELDS, TERMS, Action, Argument, Phase, Terms, Where
from workbench.twin.words import Order

__all__ = ["Action", "Fault", "Faults", "Hit", "Phase", "Where"]

ALWAYS_PPM = 1_000_000
FAULTS = 1_000  # at once: every call looks at each of them
LOGGED = 10_000  # hits that the log keeps: a long soak must not fill the memory


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong, where its glob matches.

    The first `skip` matches pass, then up to `count` of them are hit (None: all), each with a chance of
    `probability_ppm` in a million; only from `start_ns` to before `end_ns` (UTC ns) where these are given.
    """

    where: Where
    action: Action
    match: str = "*"
    args: dict[str, Argument] = {}
    count: int | None = None
    probability_ppm: int = ALWAYS_PPM
    skip: int = 0
    start_ns: int | None = None
    end_ns: int | None = None

    def number(self, name: str) -> int:
        """A whole-number argument, or its default."""
        value = self.args.get(name, TERMS[self.action].args[name])
        assert isinstance(value, int)
        return value

    def words(self, name: str) -> str:
        """An argument that is text, or its default."""
        return str(self.args.get(name, TERMS[self.action].args[name]))


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that was taken: which, on what, when (UTC ns)."""

    fault: int
    action: Action
    where: Where
    what: str
    at: int


class _Armed:
    """A fault with what it has seen and its own chance, so that one fault does not change another's."""

    def __init__(self, number: int, fault: Fault, seed: int) -> None:
        self.number, self.fault = number, fault
        self.seen = self.taken = 0
        self.chance = Random(f"{seed}/{number}")  # noqa: S311 - a test's dice, no secret

    def takes(self) -> bool:
        """Whether this match is hit; counts it."""
        self.seen += 1
        fault = self.fault
        if self.seen <= fault.skip or (fault.count is not None and self.taken >= fault.count):
            return False
        taken = fault.probability_ppm >= ALWAYS_PPM or self.chance.randrange(ALWAYS_PPM) < fault.probability_ppm
        self.taken += taken
        return taken


class Faults:
    """The faults of a local exchange; asked at every door, in the order in which they were added."""

    def __init__(self, seed: int = 0) -> None:
        self.log: deque[Hit] = deque(maxlen=LOGGED)
        self.hits = 0  # ever, also those that the log has forgotten
        self._seed = seed
        self._armed: dict[int, _Armed] = {}
        self._added = 0

    def add(self, fault: Fault) -> int:
        """Arms a fault and returns its number; raises ConfigError where it makes no sense."""
        _check(fault)
        self._leave_room(1)
        self._added += 1
        self._armed[self._added] = _Armed(self._added, fault, self._seed)
        return self._added

    def add_all(self, faults: Sequence[Fault]) -> list[int]:
        """Arms all of them and returns their numbers, or none where one makes no sense (ConfigError)."""
        for each in faults:
            _check(each)
        self._leave_room(len(faults))
        return [self.add(each) for each in faults]

    def clear(self, number: int | None = None) -> None:
        """Disarms one fault, or all; the log stays."""
        if number is None:
            self._armed.clear()
        else:
            self._armed.pop(number, None)

    def armed(self) -> dict[int, Fault]:
        """Faults by number, spent ones too."""
        return {number: each.fault for number, each in self._armed.items()}

    def hit(self, where: Where, what: str, now: int, *, phase: Phase | None = None) -> Fault | None:
        """The first fault that takes this call, connection or message, if any; `now` is UTC ns."""
        for each in tuple(self._armed.values()):
            fault = each.fault
            phases = TERMS[fault.action].phases
            if fault.where is not where or Phase.ORDER in phases or (phase is not None and phase not in phases):
                continue
            if _covers(fault, what, now) and each.takes():
                self._note(each, what, now)
                return fault
        return None

    def hides(self, order: Order, now: int) -> bool:
        """Whether queries must not show this order yet; one order gets one answer, however often it is asked."""
        for each in self._armed.values():
            fault = each.fault
            if fault.action is not Action.QUERY_LAG or now - order.created >= fault.number("ms") * 1_000_000:
                continue
            if _covers(fault, order.client_id, now) and self._lags(each, order.order_id):
                self._note(each, order.client_id, now)
                return True
        return False

    def _leave_room(self, more: int) -> None:
        if len(self._armed) + more > FAULTS:
            raise ConfigError(f"faults: {len(self._armed)} are armed and {FAULTS} is the limit; clear some first")

    def _lags(self, armed: _Armed, order_id: int) -> bool:
        dice = Random(f"{self._seed}/{armed.number}/{order_id}")  # noqa: S311 - as above
        return dice.randrange(ALWAYS_PPM) < armed.fault.probability_ppm

    def _note(self, armed: _Armed, what: str, now: int) -> None:
        fault = armed.fault
        self.hits += 1
        self.log.append(Hit(fault=armed.number, action=fault.action, where=fault.where, what=what, at=now))


def _covers(fault: Fault, what: str, now: int) -> bool:
    started = fault.start_ns is None or now >= fault.start_ns
    return started and (fault.end_ns is None or now < fault.end_ns) and fnmatchcase(what, fault.match)


def _check(fault: Fault) -> None:
    terms, name = TERMS[fault.action], fault.action.value
    if fault.where not in terms.doors:
        doors = ", ".join(terms.doors)
        raise ConfigError(f"fault {name}: where is {fault.where.value!r}, expected one of {doors}")
    for each, value in fault.args.items():
        _check_argument(name, terms, each, value)
    if not 0 <= fault.probability_ppm <= ALWAYS_PPM:
        raise ConfigError(f"fault {name}: probability_ppm is {fault.probability_ppm}, expected 0 to {ALWAYS_PPM}")
    if fault.skip < 0 or (fault.count is not None and fault.count < 1):
        raise ConfigError(f"fault {name}: expected a skip of 0 or more and a count of 1 or more")
    if fault.action is Action.QUERY_LAG and (fault.count is not None or fault.skip):
        raise ConfigError("fault query_lag: count and skip mean nothing here; it is about orders, by their age")
    if fault.start_ns is not None and fault.end_ns is not None and fault.end_ns <= fault.start_ns:
        raise ConfigError(f"fault {name}: it ends at {fault.end_ns} ns, before it starts at {fault.start_ns} ns")


def _check_argument(name: str, terms: Terms, argument: str, value: Argument) -> None:
    if argument not in terms.args:
        known = ", ".join(terms.args) or "none"
        raise ConfigError(f"fault {name}: no argument {argument!r}; it has {known}")
    default = terms.args[argument]
    if type(value) is not type(default):
        raise ConfigError(f"fault {name}: {argument} is {value!r}, expected a value like {default!r}")
    if argument == "field" and value not in FIELDS:
        raise ConfigError(f"fault {name}: field is {value!r}, expected one of {', '.join(FIELDS)}")
    if argument == "quantity" and not re.fullmatch(r"(\d+(\.\d+)?)?", str(value), re.ASCII):
        raise ConfigError(f"fault {name}: quantity is {value!r}, expected a decimal number such as '0.25'")
    if isinstance(value, int) and value < 0 and argument != "code":
        raise ConfigError(f"fault {name}: {argument} is {value}, expected 0 or more")
