"""The answers that faults give instead of the exchange's own, in the voice of the venue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from workbench.twin.faults import Fault

WEB_PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"

BOOK_NUMBERS = ("lastUpdateId", "seqId")  # of a book's last update: Binance's, OKX's

TEXTS = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1003: "Too many requests; please slow down.",
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1015: "Too many new orders; current limit is 50 orders per 10 SECOND.",
}


class Canned(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer: status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: str


class Voice(Protocol):
    """How a venue words what faults make it say; `text` '' leaves the words to the venue."""

    def error(self, code: int, text: str) -> dict[str, Any]:
        """The body of a REST error."""

    def failure(self, code: int, text: str, *, status: int, call_id: object, retry_at: int) -> dict[str, Any]:
        """A call over a socket that failed; `retry_at` is epoch milliseconds, 0 for any time."""

    def terminated(self, payload: str, now: int) -> str:
        """The event that ends the account's stream on which `payload` would have been sent."""

    def shutdown(self, now: int, *, wrapped: bool) -> str:
        """The announcement that the server goes away; `wrapped` as an account's events are."""


class BinanceVoice:
    """Codes are negative numbers, calls have a status, and streams end with events."""

    def error(self, code: int, text: str) -> dict[str, Any]:
        """A code and a message."""
        return {"code": code, "msg": text or TEXTS.get(code, "Unknown error, please check your request.")}

    def failure(self, code: int, text: str, *, status: int, call_id: object, retry_at: int) -> dict[str, Any]:
        """The error with the call's id and a status."""
        error = self.error(code, text)
        if retry_at:
            error["data"] = {"retryAfter": retry_at}
        return {"id": call_id, "status": status, "error": error}

    def terminated(self, payload: str, now: int) -> str:
        """eventStreamTerminated, with the number of its subscription."""
        event = {"event": {"e": "eventStreamTerminated", "E": now // 1_000_000}}
        return json.dumps({"subscriptionId": json.loads(payload).get("subscriptionId", 0), **event})

    def shutdown(self, now: int, *, wrapped: bool) -> str:
        """serverShutdown, bare on market streams."""
        event = {"e": "serverShutdown", "E": now // 1_000_000}
        return json.dumps({"event": event} if wrapped else event)


BINANCE = BinanceVoice()


def canned(fault: Fault, voice: Voice) -> Canned:
    """What a status fault answers over HTTP: its `body` verbatim, else the error of its `code`, else a web page."""
    status, code, body = fault.number("status"), fault.number("code"), fault.words("body")
    if not body:
        body = json.dumps(voice.error(code, fault.words("text"))) if code else WEB_PAGE.format(status=status)
    kind = "text/html" if body.startswith("<") else "application/json"
    headers = {"Content-Type": f"{kind}; charset=utf-8"}
    if fault.number("retry_after_s"):
        headers["Retry-After"] = str(fault.number("retry_after_s"))
    return Canned(status=status, headers=headers, body=body)


def canned_reply(fault: Fault, voice: Voice, call_id: object, now: int) -> str:
    """What a status fault answers to a call over a socket, where every answer is JSON: without a code it is -1000."""
    code, retry_after_s = fault.number("code") or -1000, fault.number("retry_after_s")
    retry_at = now // 1_000_000 + retry_after_s * 1_000 if retry_after_s else 0
    said = voice.failure(code, fault.words("text"), status=fault.number("status"), call_id=call_id, retry_at=retry_at)
    return fault.words("body") or json.dumps(said)


def is_book(body: bytes) -> bool:
    """Whether an answer is a book: only books carry one of these numbers."""
    return any(f'"{name}"'.encode() in body for name in BOOK_NUMBERS)


def older(book: bytes, by: int) -> bytes:
    """A book's answer whose update id lags by so many updates."""
    content = json.loads(book)
    row = content["data"][0] if "data" in content else content
    name = next(each for each in BOOK_NUMBERS if each in row)
    row[name] = max(0, row[name] - by)
    return json.dumps(content).encode()
