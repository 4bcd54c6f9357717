"""When a broken connection is dialled again."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from workbench.connectors.redial import DIALS, JITTER, LONGEST_S, Redial
from workbench.core.clock import MINUTE, SECOND

WORST = 0.999_999


def dials(away_s: float) -> list[float]:
    """When a venue that is away from second 0 on, after a connection that stood, is dialled, in seconds."""
    redial, now, at = Redial(), 0, []
    stood = True
    while now <= away_s * SECOND:
        now += round(redial.pause_s(now, stood=stood, chance=WORST) * SECOND)
        stood = False
        at.append(now / SECOND)
    return at


@given(st.floats(0, 10))
def test_a_venue_that_was_away_for_up_to_ten_seconds_is_found_within_two_seconds_of_its_return(away_s: float) -> None:
    assert dials(away_s)[-1] - away_s <= 2.0


def test_the_longer_a_venue_is_away_the_rarer_it_is_dialled_and_never_rarer_than_the_longest_pause() -> None:
    gaps = [round(later - earlier, 3) for earlier, later in pairwise([0.0, *dials(600)])]
    assert gaps == sorted(gaps)
    assert gaps[0] <= 0.25
    assert gaps[-1] == round(LONGEST_S * (1 + JITTER * WORST), 3)


def test_a_connection_that_breaks_as_soon_as_it_stands_is_not_dialled_for_ever_at_that_pace() -> None:
    redial, now, at = Redial(), 0, []
    while now < 10 * MINUTE:
        now += round(redial.pause_s(now, stood=True, chance=0.0) * SECOND)
        at.append(now)
    busiest = max(sum(1 for each in at if start <= each < start + 5 * MINUTE) for start in at)
    assert busiest <= 150, "half of what Binance lets one address dial in five minutes"


def test_a_cut_after_quiet_hours_is_mended_at_once() -> None:
    redial = Redial()
    for _ in range(3 * DIALS):
        redial.pause_s(0, stood=True, chance=0.0)
    assert redial.pause_s(60 * MINUTE, stood=True, chance=0.0) <= 0.25
