"""How figures are told: with the machine, how busy it was, and how they are spread."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

LONG = bool(os.environ.get("WORKBENCH_LONG"))


def tell(title: str, *lines: str) -> None:
    """Prints figures under their title, with what they were measured on."""
    load = os.getloadavg()[0]
    print(f"\n{title} ({_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f})")
    for line in lines:
        print(f"  {line}", flush=True)


def spread(what: str, nanoseconds: Sequence[int]) -> str:
    """Median, 99th percentile and worst of some durations, in milliseconds."""
    if not nanoseconds:
        return f"{what:52} none"
    p50, p99, worst = (quantile(nanoseconds, share) / 1e6 for share in (0.5, 0.99, 1.0))
    return f"{what:52} p50 {p50:9.2f} ms  p99 {p99:9.2f} ms  worst {worst:9.2f} ms  of {len(nanoseconds)}"


def quantile(values: Sequence[int], share: float) -> int:
    """The value that this share of all is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def resident_mb() -> float:
    """The memory that this process holds now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
