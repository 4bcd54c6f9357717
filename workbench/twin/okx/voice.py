"""How the answers that faults give sound on OKX."""

from __future__ import annotations

import json
from typing import Any

# What faults say by Binance's codes where nothing else is asked for, in OKX's own.
_CODES = {
    -1000: ("50026", "System error. Try again later"),
    -1001: ("50001", "Service temporarily unavailable. Try again later"),
    -1003: ("50011", "Too Many Requests"),
    -1006: ("50004", "API endpoint request timeout (does not mean that the request was successful or failed)"),
    -1007: ("50004", "API endpoint request timeout (does not mean that the request was successful or failed)"),
    -1008: ("50013", "Systems are busy. Please try again later."),
    -1015: ("50061", "Sub-account rate limit exceeded."),
}
_CLOSING = {
    "event": "notice",
    "code": "64008",
    "msg": "The connection will soon be closed for a service upgrade. Please reconnect.",
}


class OkxVoice:
    """Codes are text, calls over sockets fail with an error event, and a stream ends with a notice."""

    def error(self, code: int, text: str) -> dict[str, Any]:
        """The body of a REST error; a positive code is OKX's own."""
        own, words = _CODES.get(code, (str(code), "Operation failed."))
        return {"code": own, "data": [], "msg": text or words}

    def failure(self, code: int, text: str, *, status: int, call_id: object, retry_at: int) -> dict[str, Any]:
        """A call over a socket that failed."""
        error = self.error(code, text)
        return {"event": "error", "code": error["code"], "msg": error["msg"], "id": call_id}

    def terminated(self, payload: str, now: int) -> str:
        """The account's stream ends."""
        return self.shutdown(now, wrapped=True)

    def shutdown(self, now: int, *, wrapped: bool) -> str:
        """The server goes away soon."""
        return json.dumps(_CLOSING)


OKX = OkxVoice()
