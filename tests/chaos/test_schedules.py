"""Days on which everything goes wrong at random: at their end our books are the venue's, whatever happened."""

from __future__ import annotations

from collections import Counter
from multiprocessing.pool import AsyncResult

from tests.chaos.day import Verdict
from tests.chaos.deeds import DEEDS
from tests.chaos.schedules import KINDS, SCALED, TRUE, Schedule, schedule
from workbench.twin.actions import TERMS, Action
from workbench.twin.admin import MISCHIEF

SEVERAL = 5
DAY_S = 900  # a day takes seconds; a process that lost one never ends it
FORGES = {"bust"}  # money comes and goes without a word of why: nobody's books can follow
ELSEWHERE = {"mark", "funding"}  # of perpetuals, and these days trade spot
BY_REST = {"fill_first wsapi", "cancel_first wsapi"}  # orders and cancels go by REST; the WS-API carries the sign-in
UNDOES = {"restore"}  # what `revoke` does


def test_a_day_of_troubles_leaves_books_that_are_the_venues(
    planned: Schedule, days: dict[str, AsyncResult[Verdict]]
) -> None:
    verdict = days[planned.name].get(DAY_S)
    told = "\n  ".join(verdict.violations)
    kinds = ", ".join(each.kind for each in planned.troubles)
    assert not verdict.violations, (
        f"{planned.name}: run it again with pytest tests/chaos {planned.flag}; "
        f"journals and logs are in {verdict.kept}\n  troubles: {kinds}\n  {told}"
    )
    assert verdict.orders, f"{planned.name}: a day without a single order shows nothing"


def test_two_hundred_days_meet_every_trouble_several_times() -> None:
    planned = Counter(each.kind for seed in range(200) for each in schedule(seed).troubles)
    assert {each.name for each in KINDS} <= {name for name, count in planned.items() if count >= SEVERAL}


def test_every_action_and_every_mischief_is_among_the_troubles() -> None:
    names = {each.name for each in KINDS}
    assert {each.value for each in Action} == {each.split()[0] for each in names} - set(DEEDS)
    doors = {f"{action} {door.value}" for action, terms in TERMS.items() for door in terms.doors}
    assert doors - names == BY_REST
    done = {"late_fill": "fill", "market_moves": "", "crash": ""}
    assert {done.get(name, name) for name in DEEDS} - {""} == set(MISCHIEF) - FORGES - ELSEWHERE - UNDOES


def test_a_seed_makes_the_same_day_again() -> None:
    assert schedule(17) == schedule(17)
    assert schedule(17).troubles != schedule(18).troubles


def test_no_day_outlasts_what_the_venue_promises() -> None:
    for seed in range(50):
        for times in (SCALED, TRUE):
            for each in schedule(seed, times=times).troubles:
                assert each.start_s < each.end_s <= schedule(seed, times=times).quiet_s
                if each.fault is not None and each.fault.action in (Action.LATE_ACCEPT, Action.DELAY_BEFORE):
                    assert each.fault.number("ms") <= times.max_accept_delay_ms
