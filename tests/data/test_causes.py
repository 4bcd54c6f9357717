"""The chain of causes leads from any id back to where it all began, or says that it does not know the id."""

from __future__ import annotations

import pytest

from tests.data.traded import BTC, DATASET, SHA, bar, started, write
from workbench.core.errors import ConfigError
from workbench.core.events import Flatten, OrderEvent
from workbench.core.order import OrderType, Role, Side
from workbench.data.causes import LINKS, causes
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader


@pytest.fixture
def reader():
    return JournalReader(write(Journal.memory()))


def kinds(chain):
    return [link.kind for link in chain.links]


def test_a_fill_leads_to_its_order_its_signal_and_the_market(reader):
    chain = causes(reader, "t-1")
    assert kinds(chain) == ["fill", "order", "signal", "market"]
    assert chain.links[0].says == "buy 0.04 BTC/USDT at 40000, fee 1.23456789 USDT, taker, met data/18"
    assert "market buy 0.1 BTC/USDT (to target) for trend; filled" in chain.links[1].says
    assert chain.complete


@pytest.mark.parametrize("name", ["o-1", "v-9", "engine/2"])
def test_an_order_is_known_by_our_id_the_venues_and_its_events(reader, name):
    assert causes(reader, name).links[0].id == "engine/2"


def test_a_stop_leads_through_the_fill_that_opened_what_it_protects(reader):
    assert kinds(causes(reader, "o-2")) == ["order", "fill", "order", "signal", "market"]


def test_a_refused_order_tells_why(reader):
    assert "denied: too much" in causes(reader, "o-3").links[0].says


def test_an_order_without_a_cause_ends_there(reader):
    assert kinds(causes(reader, "o-4")) == ["order"]


def test_a_record_of_market_data_is_found_in_the_journal(reader):
    chain = causes(reader, "live/20")
    assert chain.links[0].kind == "bar"
    assert "close 41000" in chain.links[0].says


def test_an_unknown_id_says_what_was_searched(reader):
    with pytest.raises(ConfigError, match="has 4 orders and no order, venue order, trade or event"):
        causes(reader, "o-77777")


def test_text_and_plain_values_tell_the_same(reader):
    chain = causes(reader, "o-1")
    lines = chain.text().splitlines()
    assert lines[0] == "why o-1"
    assert len(lines) == len(chain.plain()["links"]) + 1
    assert all(link["says"] in line for link, line in zip(chain.plain()["links"], lines[1:], strict=True))


def order(number, order_id, cause):
    return OrderEvent(
        "engine",
        number,
        number,
        number,
        cause=cause,
        order_id=order_id,
        strategy_id="trend",
        role=Role.FLATTEN,
        instrument=BTC,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        quantity_raw=1_000,
    )


def journal_of(*orders):
    journal = Journal.memory()
    journal.declare(DATASET, DATASET, SHA)
    journal.take(started())
    journal.take(bar(0, source=DATASET))
    journal.take(Flatten("operator", 1, 1, 1, reason="enough"), orders)
    return JournalReader(journal)


def test_a_unique_beginning_of_six_characters_is_enough():
    reader = journal_of(order(1, "abcdef0000", "operator/1"), order(2, "abcdef9999", "operator/1"))
    assert causes(reader, "abcdef9").links[0].id == "engine/2"
    with pytest.raises(ConfigError, match="means 2 things: engine/1"):
        causes(reader, "abcdef")
    with pytest.raises(ConfigError, match="at least 6"):
        causes(reader, "abcde")


def test_a_command_is_an_origin():
    chain = causes(journal_of(order(1, "abcdef0000", "operator/1")), "abcdef0000")
    assert [(link.kind, link.says) for link in chain.links[1:]] == [("flatten", "reason enough")]


def test_a_row_of_stored_data_is_named_with_its_number():
    reader = journal_of(order(1, "abcdef0000", f"{DATASET}/0"))
    assert causes(reader, "abcdef0000").links[-1].says == f"row 0 of {DATASET}"
    assert causes(reader, f"{DATASET}/0").links[0].kind == "row"
    with pytest.raises(ConfigError, match="no order"):
        causes(reader, f"{DATASET}/1")


def test_a_chain_without_end_is_cut_and_says_so():
    orders = [order(number, f"order-{number:04d}", f"engine/{number - 1}") for number in range(1, 40)]
    chain = causes(journal_of(*orders), "order-0039")
    assert (len(chain.links), chain.complete) == (LINKS, False)
    assert chain.text().endswith("…")
