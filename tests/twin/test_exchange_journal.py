import pytest

from tests.twin.trading_day import BTC, LISTINGS, NOW, PERP, D, did, opened, place, trade_at
from workbench.core.errors import ConfigError, CorruptState
from workbench.twin.exchange import Exchange
from workbench.twin.words import OrderKind, Refusal


def a_day(path):
    """Every kind of command once, and one that is refused."""
    exchange = opened(journal=path)
    place(exchange, "alice", "SELL", "1", "100", client_id="first")
    place(exchange, "bob", "BUY", "0.4", "100")
    exchange.amend("alice", symbol=BTC, now=NOW + 1, client_id="first", quantity=D("0.9"))
    exchange.trade_with("alice", 1, D("0.1"), now=NOW + 2)
    exchange.transfer("bob", "USDT", D("-1.5"), NOW + 3)
    with pytest.raises(Refusal):
        did(exchange, "bob", "BUY", "1", "100.001")
    place(exchange, "bob", "BUY", "1", "99", iceberg="0.5")
    exchange.cancel("bob", symbol=BTC, now=NOW + 4, order_id=3, cancel_id="away")
    place(exchange, "bob", "SELL", "1", kind=OrderKind.STOP_LOSS, stop_price="90")
    exchange.expire("bob", 4, now=NOW + 5, reason="maintenance")
    trade_at(exchange, "1000", symbol=PERP, now=NOW + 6)
    exchange.set_mark(PERP, D(1001), NOW + 7)
    exchange.fund(PERP, D("0.0001"), NOW + 8)
    exchange.change_listing(LISTINGS[1], NOW + 9)
    exchange.cancel_all("bob", now=NOW + 10)
    return exchange


def test_a_recovered_exchange_equals_the_one_that_wrote_the_journal(tmp_path):
    exchange = a_day(tmp_path / "journal")
    recovered = Exchange.recovered(LISTINGS, tmp_path / "journal")
    assert recovered.digest() == exchange.digest()
    assert [recovered.truth(each) for each in recovered.accounts] == [
        exchange.truth(each) for each in exchange.accounts
    ]
    assert recovered.book(BTC) == exchange.book(BTC)


def test_a_recovered_exchange_goes_on_in_the_same_journal(tmp_path):
    a_day(tmp_path / "journal").close()
    recovered = Exchange.recovered(LISTINGS, tmp_path / "journal")
    place(recovered, "alice", "BUY", "1", "50")
    recovered.close()
    again = Exchange.recovered(LISTINGS, tmp_path / "journal")
    assert again.digest() == recovered.digest()
    assert again.open_orders("alice") == recovered.open_orders("alice")


def test_an_exchange_without_a_journal_does_the_same(tmp_path):
    assert a_day(None).digest() == a_day(tmp_path / "journal").digest()


def test_a_command_cut_by_a_crash_has_not_happened(tmp_path):
    exchange = a_day(tmp_path / "journal")
    before = exchange.digest()
    whole = (tmp_path / "journal").stat().st_size
    place(exchange, "alice", "BUY", "1", "50")
    exchange.close()
    with open(tmp_path / "journal", "r+b") as file:
        file.truncate(whole + 20)
    assert Exchange.recovered(LISTINGS, tmp_path / "journal").digest() == before
    assert (tmp_path / "journal").stat().st_size == whole


def test_a_damaged_line_is_named(tmp_path):
    a_day(tmp_path / "journal").close()
    lines = (tmp_path / "journal").read_bytes().splitlines(keepends=True)
    (tmp_path / "journal").write_bytes(b"".join([*lines[:3], b'{"do": "dance"}\n', *lines[4:]]))
    with pytest.raises(CorruptState, match="journal:4"):
        Exchange.recovered(LISTINGS, tmp_path / "journal")


def test_a_journal_that_contradicts_itself_is_not_believed(tmp_path):
    a_day(tmp_path / "journal").close()
    lines = (tmp_path / "journal").read_bytes().splitlines(keepends=True)
    (tmp_path / "journal").write_bytes(b"".join([*lines[:3], *lines[4:]]))  # without alice's first order
    with pytest.raises(CorruptState, match="cannot have happened"):
        Exchange.recovered(LISTINGS, tmp_path / "journal")


def test_a_journal_belongs_to_its_listings(tmp_path):
    a_day(tmp_path / "journal").close()
    with pytest.raises(ConfigError, match="these listings"):
        Exchange.recovered(LISTINGS[:2], tmp_path / "journal")


def test_a_new_exchange_never_writes_over_a_journal(tmp_path):
    a_day(tmp_path / "journal").close()
    with pytest.raises(ConfigError, match="exists already"):
        opened(journal=tmp_path / "journal")


def test_a_missing_journal_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        Exchange.recovered(LISTINGS, tmp_path / "nowhere")
