"""Who is asking: API keys, HMAC signatures and timestamps, checked in Binance's order."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256

from workbench.twin.binance import errors
from workbench.twin.binance.asked import Security
from workbench.twin.binance.parameters import MILLISECOND, Parameters, text_of
from workbench.twin.floor import Floor
from workbench.twin.keys import ApiKey, Permission

_AHEAD = 1_000 * MILLISECOND
_WINDOW_MS, _LONGEST_WINDOW_MS = 5_000, 60_000
_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_PERMISSIONS = {Security.READ: Permission.READ, Security.TRADE: Permission.TRADE}


def known_key(floor: Floor, text: str | None) -> ApiKey:
    """The key of that text, if it is still good; raises ApiError."""
    if not text or not _KEY.fullmatch(text):
        raise errors.BAD_KEY_FORMAT()
    key = floor.keys.find(text)
    if key is None or key.revoked:
        raise errors.BAD_KEY()
    return key


def signed_by(
    floor: Floor, security: Security, sent: Mapping[str, str], *, payload: str, key: str | None, address: str, at: int
) -> ApiKey:
    """The key that signed `payload` at `at` (UTC ns) for a call of that security; raises ApiError."""
    found = known_key(floor, key)
    if not sent.get("signature"):
        raise errors.MISSING("signature")
    _check_time(Parameters(sent), at)
    if not hmac.compare_digest(signature(found, payload).encode(), sent["signature"].lower().encode()):
        raise errors.BAD_SIGNATURE()
    if not found.permits(_PERMISSIONS[security], address):
        raise errors.BAD_KEY()
    return found


def signature(key: ApiKey, payload: str) -> str:
    """HMAC-SHA256 in hexadecimal."""
    return hmac.new(key.secret.reveal().encode(), payload.encode(), sha256).hexdigest()


def rest_payload(query: str, body: str) -> str:
    """What REST signs: the query and the body as they were sent, less the signature."""
    return "".join(re.sub(r"(^|&)signature=[^&]*", "", part) for part in (query, body))


def wsapi_payload(sent: Mapping[str, object]) -> str:
    """What the WebSocket API signs: all parameters by name, less the signature."""
    return "&".join(f"{name}={text_of(sent[name])}" for name in sorted(sent) if name != "signature")


def _check_time(sent: Parameters, now: int) -> None:
    sent.needed("timestamp")
    stamp, window = sent.instant("timestamp"), sent.whole("recvWindow")
    assert stamp is not None
    if window is not None and window > _LONGEST_WINDOW_MS:
        raise errors.LONG_WINDOW()
    if stamp >= now + _AHEAD:
        raise errors.AHEAD_OF_TIME()
    if now - stamp > (_WINDOW_MS if window is None else window) * MILLISECOND:
        raise errors.OUTSIDE_WINDOW()
