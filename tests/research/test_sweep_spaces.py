"""What a sweep tries: grids, draws and conditions are what they say, and say what is wrong with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ConfigError
from workbench.research.conditions import condition
from workbench.research.spaces import between, grids_of, latin_hypercube, random_draw, space_of


def listed(space):
    return [tuple(space[number].values()) for number in range(len(space))]


def test_a_grid_is_every_combination_with_the_last_parameter_changing_fastest():
    space = space_of({"fast": range(1, 3), "slow": [10, 20], "flip": True})
    assert space.names == ("fast", "slow", "flip")
    assert listed(space) == [(1, 10, True), (1, 20, True), (2, 10, True), (2, 20, True)]


def test_numpy_values_become_plain_ones():
    import numpy as np

    ((value,),) = listed(space_of({"fast": np.array([3], dtype=np.int32)}))
    assert type(value) is int


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("fast=5:20:5", [5, 10, 15]),
        ("fast=5:8", [5, 6, 7]),
        ("fast=9:3:-3", [9, 6]),
        ("band=0.1:0.4:0.1", [0.1, 0.2, 0.3]),
        ("band=1e-3:2e-3:5e-4", [0.001, 0.0015]),
        ("flip=true,false", [True, False]),
        ("name=a, b", ["a", "b"]),
        ("fast=7", [7]),
    ],
)
def test_grids_are_read_as_people_type_them(text, values):
    ((_, read),) = grids_of([text]).items()
    assert read == values
    assert [type(each) for each in read] == [type(each) for each in values]


@pytest.mark.parametrize(
    "text", ["fast", "=1:2", "fast=", "fast=1:2:0", "fast=2:1", "fast=a:b", "fast=1:2:3:4", "fast=1,,2", "fast=0:inf"]
)
def test_a_grid_that_cannot_be_read_is_named(text):
    with pytest.raises(ConfigError, match="grid"):
        grids_of([text])
    with pytest.raises(ConfigError, match="given twice"):
        grids_of(["fast=1,2", "fast=3"])


@pytest.mark.parametrize(
    ("axes", "wrong"),
    [
        ({}, "at least one parameter"),
        ({"fast": []}, "fast: expected at least one value"),
        ({"fast": range(0)}, "fast: expected at least one value"),
        ({"fast": [1, 2, 1]}, "fast: 1 is given twice"),
        ({"fast": object()}, "fast: expected a value"),
        ({"fast": between(1, 9)}, "give draw="),
        ({"fast": range(10**4), "slow": range(10**4)}, "100,000,000 combinations"),
    ],
)
def test_axes_that_make_no_grid_are_refused(axes, wrong):
    with pytest.raises(ConfigError, match=wrong):
        space_of(axes)


@pytest.mark.parametrize("bounds", [(1, 1), (2, 1), (0, float("inf")), (float("nan"), 1), ("a", "b")])
def test_a_range_without_a_number_is_refused(bounds):
    with pytest.raises(ConfigError, match="between"):
        between(*bounds)
    with pytest.raises(ConfigError, match="0 < low"):
        between(0, 5, logarithmic=True)


@given(st.integers(1, 200), st.integers(0, 5), st.booleans())
def test_draws_stay_in_their_ranges_come_once_and_repeat_with_their_seed(count, seed, evenly):
    axes = {"fast": range(5, 50), "band": between(0.5, 0.75), "slow": between(10, 20, logarithmic=True)}
    draw = (latin_hypercube if evenly else random_draw)(count, seed=seed)
    rows = listed(space_of(axes, draw))
    assert rows == listed(space_of(axes, draw))
    assert len(set(rows)) == len(rows) <= count
    for fast, band, slow in rows:
        assert fast in range(5, 50)
        assert 0.5 <= band < 0.75
        assert slow in range(10, 20)


@given(st.integers(1, 300), st.integers(0, 3))
def test_a_latin_hypercube_takes_one_value_of_every_slice(count, seed):
    rows = listed(space_of({"a": between(0.0, 1.0), "b": range(count)}, latin_hypercube(count, seed=seed)))
    assert sorted(int(a * count) for a, _ in rows) == list(range(count))
    assert sorted(b for _, b in rows) == list(range(count))


def test_other_seeds_draw_other_rows_and_bad_draws_are_refused():
    axes = {"a": between(0.0, 1.0)}
    assert listed(space_of(axes, random_draw(5, seed=1))) != listed(space_of(axes, random_draw(5, seed=2)))
    for bad in ({"count": 0}, {"count": 1.5}, {"count": 10**9}, {"count": 1, "seed": -1}):
        with pytest.raises(ConfigError, match="draw"):
            random_draw(**bad)


NAMES = ("fast", "slow", "flip")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("fast < slow", True),
        ("2 * fast <= slow < 100", False),
        ("fast + slow == 90 and not flip", True),
        ("flip or slow % 7 == 1", True),
        ("(slow - fast) / 2 > 5.5", False),
        ("slow // 2 >= -fast", True),
        ("fast != 40", False),
    ],
)
def test_a_condition_is_what_it_reads_like(text, holds):
    assert condition(text, NAMES)({"fast": 40, "slow": 50, "flip": False}) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast <",
        "fast + 1",
        "__import__('os').system('true') == 0",
        "fast.real < 3",
        "fast[0] < 3",
        "fast ** 9 < 3",
        "(lambda: 1)() == 1",
        "fast is slow",
        "fast in (1, 2)",
        "speed < slow",
        "'a' < slow",
        "fast < slow; fast",
        "(" * 499,
        "-" * 490 + "fast",
        "fast < " + "1" * 600,
    ],
)
def test_what_is_no_comparison_is_refused_before_anything_runs(text):
    with pytest.raises(ConfigError, match="where"):
        condition(text, ("fast", "slow"))


def test_a_condition_that_divides_by_zero_says_where():
    with pytest.raises(ConfigError, match="division by zero at fast=0, slow=5"):
        condition("slow / fast > 1", ("fast", "slow"))({"fast": 0, "slow": 5})
