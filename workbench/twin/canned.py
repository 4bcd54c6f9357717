"""The answers that faults give instead of the exchange's own, as Binance words them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from workbench.twin.faults import Fault

WEB_PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"

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


def canned(fault: Fault) -> Canned:
    """What a status fault answers over HTTP: its `body` verbatim, else the error of its `code`, else a web page."""
    status, code, body = fault.number("status"), fault.number("code"), fault.words("body")
    if not body:
        body = json.dumps(_error(fault, code)) if code else WEB_PAGE.format(status=status)
    kind = "text/html" if body.startswith("<") else "application/json"
    headers = {"Content-Type": f"{kind}; charset=utf-8"}
    if fault.number("retry_after_s"):
        headers["Retry-After"] = str(fault.number("retry_after_s"))
    return Canned(status=status, headers=headers, body=body)


def canned_reply(fault: Fault, call_id: object, now: int) -> str:
    """What a status fault answers on the WS-API, where every answer is JSON: without a code it is -1000."""
    error = _error(fault, fault.number("code") or -1000)
    if fault.number("retry_after_s"):
        error["data"] = {"retryAfter": now // 1_000_000 + fault.number("retry_after_s") * 1_000}
    return fault.words("body") or json.dumps({"id": call_id, "status": fault.number("status"), "error": error})


def terminated(payload: str, now: int) -> str:
    """The event that ends the account's stream on which `payload` would have been sent."""
    event = {"event": {"e": "eventStreamTerminated", "E": now // 1_000_000}}
    return json.dumps({"subscriptionId": json.loads(payload).get("subscriptionId", 0), **event})


def shutdown(now: int, *, wrapped: bool) -> str:
    """The announcement that the server goes away; `wrapped` as the WS-API wraps events."""
    event = {"e": "serverShutdown", "E": now // 1_000_000}
    return json.dumps({"event": event} if wrapped else event)


def older(book: bytes, by: int) -> bytes:
    """A book's answer whose update id lags by so many updates."""
    content = json.loads(book)
    content["lastUpdateId"] = max(0, content["lastUpdateId"] - by)
    return json.dumps(content).encode()


def _error(fault: Fault, code: int) -> dict[str, Any]:
    return {"code": code, "msg": fault.words("text") or TEXTS.get(code, "Unknown error, please check your request.")}
