"""Who is asking: API keys, passphrases, timestamps and base64 HMAC signatures, checked in OKX's order."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from hashlib import sha256

from workbench.core.clock import SECOND, parse_instant
from workbench.core.errors import WorkbenchError
from workbench.twin.floor import Floor
from workbench.twin.keys import ApiKey, Permission
from workbench.twin.okx import errors
from workbench.twin.okx.errors import Error

WINDOW_NS = 30 * SECOND  # a request may be so much older or younger than the exchange's clock

_HEADERS: dict[str, Error] = {
    "OK-ACCESS-KEY": errors.NO_KEY,
    "OK-ACCESS-PASSPHRASE": errors.NO_PASSPHRASE,
    "OK-ACCESS-SIGN": errors.NO_SIGNATURE,
    "OK-ACCESS-TIMESTAMP": errors.NO_TIME,
}


def signed_by(floor: Floor, needs: Permission, headers: Mapping[str, str], *, payload: str, address: str) -> ApiKey:
    """The key that signed `payload` (verb, path with its query, body); raises ApiError."""
    for name, missing in _HEADERS.items():
        if not headers.get(name):
            raise missing()
    stamp = headers["OK-ACCESS-TIMESTAMP"]
    _check_time(stamp, floor.clock.now())
    key = floor.keys.find(headers["OK-ACCESS-KEY"])
    if key is None or key.revoked:
        raise errors.BAD_KEY()
    if not is_passphrase(key, headers["OK-ACCESS-PASSPHRASE"]):
        raise errors.BAD_PASSPHRASE()
    if not is_signature(key, stamp + payload, headers["OK-ACCESS-SIGN"]):
        raise errors.BAD_SIGNATURE()
    if key.addresses and address not in key.addresses:
        raise errors.BAD_ADDRESS(address)
    if not key.permits(needs, address):
        raise errors.FORBIDDEN()
    return key


def is_passphrase(key: ApiKey, shown: str) -> bool:
    """Whether this is the key's passphrase; a key without one has none that fits."""
    return bool(key.passphrase) and hmac.compare_digest(
        key.passphrase.reveal().encode(), shown.encode(errors="surrogateescape")
    )


def is_signature(key: ApiKey, payload: str, shown: str) -> bool:
    """Whether this is the key's HMAC-SHA256 of the payload, in base64."""
    due = hmac.new(key.secret.reveal().encode(), payload.encode(), sha256).digest()
    try:
        return hmac.compare_digest(due, base64.b64decode(shown, validate=True))
    except ValueError:  # no base64, or no ASCII
        return False


def _check_time(stamp: str, now: int) -> None:
    try:
        at = parse_instant(stamp)
    except WorkbenchError:
        raise errors.BAD_TIME() from None
    if abs(now - at) > WINDOW_NS:
        raise errors.TOO_LATE()
