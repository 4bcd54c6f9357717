"""A quality report counts what is missing and what contradicts itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from workbench.core.clock import parse_instant
from workbench.data.intake import Request
from workbench.data.lake import open_sample
from workbench.data.quality import Gap, check, report


def test_the_sample_has_its_known_outages() -> None:
    quality = report(open_sample("binance_spot_BTCUSDT_1h"))
    assert (quality.rows, quality.missing, len(quality.gaps), quality.zero_volume) == (58_419, 128, 28, 4)
    assert round(quality.biggest_move, 3) == Decimal("0.182")
    assert quality.sound
    assert "128 of 58,547 in 28 gaps" in quality.text()


def test_a_file_too_bad_to_import_is_counted_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    rows = ["00,1,2,1,2,1", "01,1,2,1,2,0", "01,1,2,1,2,1", "05,9,2,1,2,1", "04,1,2,1,2,1"]
    path.write_text(
        "time,open,high,low,close,volume\n" + "".join(f"2024-01-01T{row[:2]}:00Z{row[2:]}\n" for row in rows)
    )
    quality = check(path, request=Request(instrument="binance:BTC/USDT", interval="1h"))
    assert (quality.crossed, quality.duplicates, quality.out_of_order, quality.zero_volume) == (1, 1, 1, 1)
    assert quality.gaps == (Gap(parse_instant("2024-01-01T02:00"), parse_instant("2024-01-01T04:00"), 2),)
    assert not quality.sound
    assert quality.plain()["gaps"] == [{"from": "2024-01-01T02:00:00Z", "to": "2024-01-01T04:00:00Z", "bars": 2}]
