"""One request on its way: whether it left us, and the whole answer whatever the client library makes of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from decimal import localcontext

from workbench.connectors.wire import Answer, WireBroken

CCXT_ERROR = "x-ccxt-error"  # the header that names what ccxt made of a unified method's answer
SHOWN = 200  # characters of a reason

_QUERY = re.compile(r"\?\S*")  # of a URL: it carries the signature


class Request:
    """What is known of one request: whether its first byte left us, and its last whole answer."""

    __slots__ = ("body", "headers", "left", "received", "status")

    def __init__(self) -> None:
        self.left, self.status, self.received, self.body = False, 0, 0, b""
        self.headers: dict[str, str] = {}


# Of the task at hand, so that requests at the same time never mistake each other's answers.
_REQUEST: ContextVar[Request | None] = ContextVar("request", default=None)


async def send(
    work: Callable[[], Awaitable[bytes | None]], *, name: str, timeout_s: float, now: Callable[[], int]
) -> Answer:
    """What came back of one request; what `work` gives takes the place of the body, and its failure never does.

    Raises WireBroken where no whole answer came back, without the request's URL: that is signed. The
    caller's decimal context stays as it is.
    """
    request, sent = Request(), now()
    token = _REQUEST.set(request)
    problem: Exception | None = None
    body: bytes | None = None
    try:
        with localcontext():
            async with asyncio.timeout(timeout_s):
                body = await work()
    except Exception as error:  # of any kind: an answer counts, whatever was made of it
        problem = error
    finally:
        _REQUEST.reset(token)
    if body is None and request.status == 0:
        raise WireBroken(f"{name}: {_reason(problem)}", reached=request.left)
    return Answer(
        status=request.status or 200,
        headers={**request.headers, **({CCXT_ERROR: type(problem).__name__} if problem else {})},
        body=request.body if body is None else body,
        sent=sent,
        received=request.received or now(),
    )


def leaves() -> None:
    """The request of the task at hand has begun to leave us."""
    request = _REQUEST.get()
    if request is not None:
        request.left = True


def answered(status: int, headers: Mapping[str, str], body: str, received: int) -> None:
    """The request of the task at hand has its whole answer."""
    request = _REQUEST.get()
    if request is not None:
        request.status, request.body, request.received = status, body.encode(), received
        request.headers = {name.lower(): value for name, value in headers.items()}


def _reason(problem: Exception | None) -> str:
    if problem is None:
        return "no answer"
    cause = problem.__cause__ or problem
    return f"{type(cause).__name__} {_QUERY.sub('', str(cause))}"[:SHOWN]
