"""A local exchange in a process of its own, whose market sockets can be made to carry a storm.

It says one line of JSON when clients may come, then answers each line of JSON on stdin by one on stdout:
{"do": "blow", ...} with the fields of `Storm.blow`, {"do": "breeze", "rate": ...} for quotes without an end, and
{"do": "truth"}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from decimal import Decimal
from random import Random
from typing import Any

from tests.faults.street import Street
from workbench.core.secret import Secret
from workbench.twin.limits import Limits, OrderRule
from workbench.twin.opening import Opening
from workbench.twin.server import LocalExchange

SYMBOLS = ("BTC/USDT", "ETH/USDT", "BNB/USDT")
NO_LIMITS = Limits(weight=10**9, orders=(OrderRule(10**8, 10), OrderRule(10**9, 86_400)), connects=10**6)
BUFFER = 1 << 20  # bytes that wait for a reader before it counts as slower than the storm
STEP_S = 0.005  # between two gusts
FIRST = 10**12  # of the venue's own numbers in a storm: above all that the exchange counts itself

_TRADE = '{"e":"trade","E":%d,"s":"%s","t":%d,"p":"%s","q":"%s","T":%d,"m":true,"M":true}'
_QUOTE = '{"u":%d,"s":"%s","b":"59990.00000000","B":"%s","a":"60010.00000000","A":"%s"}'


class Storm:
    """Binance's market messages as frames, in the exchange's own numbers, at any rate."""

    def __init__(self, twin: LocalExchange) -> None:
        self._twin = twin
        self._number = FIRST
        chance = Random(20)
        self._prices = [f"{59_990 + chance.random() * 20:.2f}000000" for _ in range(500)]
        self._sizes = [f"{chance.random() * 2 + 0.001:.5f}000" for _ in range(5_000)]
        self._markets = [symbol.replace("/", "") for symbol in SYMBOLS]

    async def blow(
        self, *, kinds: list[str], rate: int, seconds: float = 0.0, count: int = 0, patient: bool = True
    ) -> dict[str, Any]:
        """Sends `count` messages, or `seconds` long, `rate` a second (0: as fast as the reader takes them).

        What a reader is too slow for waits if `patient`, and is left out where not. `kinds` take turns.
        """
        began, sent, left_out = time.perf_counter(), 0, 0
        count = count or round(rate * seconds)
        while sent + left_out < count:
            due = count if not rate else min(count, int((time.perf_counter() - began) * rate))
            gust = min(due - sent - left_out, 2_000)
            if gust > 0 and self._room():
                self._say(kinds, gust)
                sent += gust
            elif gust > 0 and not patient:
                left_out += gust
            elif gust > 0 or due < count:
                await asyncio.sleep(STEP_S)
            await asyncio.sleep(0)
        return {"sent": sent, "left_out": left_out, "seconds": time.perf_counter() - began}

    def _room(self) -> bool:
        return all(each.get_write_buffer_size() < BUFFER for each in self._readers())

    def _readers(self) -> list[Any]:
        return [each._transport for each in self._twin._floor._outlets if "ws-api" not in each.path]

    def _say(self, kinds: list[str], gust: int) -> None:
        now = time.time_ns() // 1_000_000
        frames = b"".join([_frame(self._message(kinds[number % len(kinds)], now)) for number in range(gust)])
        for each in self._readers():
            each.write(frames)

    def _message(self, kind: str, now: int) -> bytes:
        self._number += 1
        number = self._number
        market = self._markets[number % len(self._markets)]
        size = self._sizes[number * 7 % len(self._sizes)]
        if kind == "quotes":
            return (_QUOTE % (number, market, size, self._sizes[number * 11 % len(self._sizes)])).encode()
        return (_TRADE % (now, market, number, self._prices[number * 3 % len(self._prices)], size, now)).encode()


def _frame(payload: bytes) -> bytes:
    """A text frame as servers send it: not masked."""
    size = len(payload)
    return b"\x81" + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")) + payload


def payloads(kind: str, count: int) -> list[bytes]:
    """The messages of a storm without their frames."""
    storm = Storm(LocalExchange())
    return [storm._message(kind, time.time_ns() // 1_000_000) for _ in range(count)]


def _truth(twin: LocalExchange) -> dict[str, Any]:
    truth = twin.truth()
    return {
        "orders": {each.client_id: [each.state, str(each.filled)] for each in truth.orders},
        "trades": [str(each.print.trade_id) for each in truth.trades],
    }


async def _main() -> None:
    opening = Opening(
        balances={"USDT": Decimal(10**7), "BNB": Decimal(20)}, key="twin-key", secret=Secret("twin-secret")
    )
    twin = LocalExchange(accounts=(opening,), limits=NO_LIMITS)
    async with twin:
        Street(twin, SYMBOLS).open()
        storm = Storm(twin)
        _answer({"rest": twin.rest_url, "streams": twin.stream_url})
        lines, breeze = asyncio.StreamReader(), None
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            asked = json.loads(line)
            match asked.pop("do"):
                case "blow":
                    _answer(await storm.blow(**asked))
                case "breeze":
                    breeze = asyncio.create_task(storm.blow(kinds=["quotes"], count=10**12, **asked))
                    _answer({})
                case _:
                    _answer(_truth(twin))
        if breeze is not None:
            breeze.cancel()


def _answer(document: Any) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
