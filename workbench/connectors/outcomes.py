"""What is known of a request that changes something, once its call is over. Silence proves nothing."""

from __future__ import annotations

from workbench.connectors.dialect import Dialect, Listed, Verdict
from workbench.connectors.wire import Answer, WireBroken
from workbench.connectors.wirelog import redacted
from workbench.core.ports import CancelResult, OrderResult, Outcome

# The venue failed or gave up waiting while the request was inside: it may be booked all the same.
_FAILED_INSIDE = frozenset({408, 409})
EVIDENCE = 500  # characters: a refusal whole, a page of HTML not


def judged(answer: Answer, dialect: Dialect, *, order_id: str, listed: Listed) -> Verdict:
    """What an answer proves; UNKNOWN where it cannot be read, and where a venue that failed inside calls it a no."""
    try:
        verdict = dialect.verdict(answer, order_id=order_id, listed=listed)
    except Exception as problem:  # whatever goes wrong in reading it, the order may be live
        return Verdict(outcome=Outcome.UNKNOWN, reason=f"unreadable answer, status {answer.status}: {problem}")
    if verdict.outcome is Outcome.REJECTED and failed_inside(answer):
        return Verdict(outcome=Outcome.UNKNOWN, code=verdict.code, reason=f"status {answer.status}: {verdict.reason}")
    return verdict


def broken(error: Exception) -> Verdict:
    """What the lack of an answer proves: only a request that never left us is a no."""
    if isinstance(error, WireBroken) and not error.reached:
        return Verdict(outcome=Outcome.REJECTED, reason=_not_sent(str(error)))
    return Verdict(outcome=Outcome.UNKNOWN, reason=f"no whole answer: {error}")


def failed_inside(answer: Answer) -> bool:
    """Whether the venue failed, or gave up waiting, after it had the request."""
    return answer.status >= 500 or answer.status in _FAILED_INSIDE


def order_result(verdict: Verdict, order_id: str, venue_order_id: str) -> OrderResult:
    """The result of placing or amending, its evidence without secrets."""
    return OrderResult(verdict.outcome, order_id, venue_order_id, _evidence(verdict))


def cancel_result(verdict: Verdict, order_id: str) -> CancelResult:
    """The result of a cancel, its evidence without secrets."""
    return CancelResult(verdict.outcome, order_id, _evidence(verdict))


def _evidence(verdict: Verdict) -> str:
    return redacted(" ".join(filter(None, (verdict.code, verdict.reason))))[:EVIDENCE]


def _not_sent(reason: str) -> str:
    return reason if reason.startswith("not sent") else f"not sent: {reason}"
