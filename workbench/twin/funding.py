"""When perpetuals settle funding by themselves, and at which rate."""

from __future__ import annotations

from decimal import Decimal

from workbench.core.clock import HOUR

EVERY_NS = 8 * HOUR  # at 00:00, 08:00 and 16:00 UTC, as venues do
RATE = Decimal("0.0001")  # where premium and interest balance, longs pay shorts one basis point


def next_at(now: int) -> int:
    """The next settlement after `now`, in UTC ns."""
    return (now // EVERY_NS + 1) * EVERY_NS
