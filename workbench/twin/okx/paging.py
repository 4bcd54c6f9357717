"""Pages of rows that come newest first: cut by id, by time and by number."""

from __future__ import annotations

from workbench.twin.okx.formats import Json
from workbench.twin.okx.parameters import Parameters


def page(rows: list[Json], sent: Parameters, *, number: str, time: str, limit: int) -> list[Json]:
    """The rows that `after` and `before` (ids), `begin` and `end` (ms) leave, up to `limit`, newest first.

    As everywhere on OKX `after` means older than that id and `before` newer.
    """
    older, newer = sent.whole("after"), sent.whole("before")
    begin, end = sent.whole("begin"), sent.whole("end")
    found = [
        each
        for each in rows
        if (older is None or int(each[number]) < older)
        and (newer is None or int(each[number]) > newer)
        and (begin is None or int(each[time]) >= begin)
        and (end is None or int(each[time]) <= end)
    ]
    return found[: sent.limit(default=limit, most=limit)]
