"""Time is whole UTC nanoseconds, and its text loses none of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.clock import DAY, HOUR, MINUTE, SECOND, instant_text, interval_ns, interval_text, parse_instant
from workbench.core.errors import DataError

instants = st.integers(-2_000_000_000 * SECOND, 10_000_000_000 * SECOND)


@given(instants)
def test_an_instant_survives_its_text_to_the_nanosecond(instant):
    assert parse_instant(instant_text(instant)) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01", 0),
        ("1970-01-02T00:00", DAY),
        ("1970-01-01 00:00:01", SECOND),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.5Z", SECOND // 2),
        ("1970-01-01T00:00:00,000000001Z", 1),
        ("1970-01-01T02:00:00.000000001+02:00", 1),
        ("1969-12-31T23:59:59.999999999Z", -1),
    ],
)
def test_a_missing_zone_means_utc_and_other_zones_are_converted(text, instant):
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01", "1700000000", "2024-01-01T00:00:00.1234567890", "2024-01-01T12:00.5"]
)
def test_text_that_is_no_time_or_too_fine_is_refused_by_name(text):
    with pytest.raises(DataError, match="start: expected an ISO date or time"):
        parse_instant(text, "start")


def test_whole_seconds_are_written_without_a_fraction():
    assert instant_text(0) == "1970-01-01T00:00:00Z"
    assert instant_text(1) == "1970-01-01T00:00:00.000000001Z"


@given(st.integers(1, 9_999), st.sampled_from("smhdw"))
def test_an_interval_survives_its_shortest_text(count, unit):
    length = interval_ns(f"{count}{unit}")
    assert interval_ns(interval_text(length)) == length


@pytest.mark.parametrize(("text", "length"), [("1m", MINUTE), ("4h", 4 * HOUR), ("7d", 7 * DAY), ("90s", 90 * SECOND)])
def test_intervals_mean_what_they_say(text, length):
    assert interval_ns(text) == length


def test_the_shortest_text_is_chosen():
    assert [interval_text(each) for each in (7 * DAY, DAY, 60 * MINUTE, 90 * MINUTE)] == ["1w", "1d", "1h", "90m"]


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "1.5h", "1M", "1 h", "\u0663h", "1000000m"])
def test_text_that_is_no_interval_is_refused(text):
    with pytest.raises(DataError, match="interval: expected"):
        interval_ns(text)


@pytest.mark.parametrize("length", [0, -SECOND, SECOND + 1])
def test_a_length_without_a_name_is_refused(length):
    with pytest.raises(DataError, match="not a whole number of seconds"):
        interval_text(length)
