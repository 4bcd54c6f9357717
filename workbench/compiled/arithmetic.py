"""What kernels compute with, as machine code: integers of 64 bits that never wrap, and Python's own answers.

Each name ends in two underscores: that is how generated text calls them, and no name of a kernel does.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from workbench.core.kernel_checked import TOO_LARGE
from workbench.core.kernel_says import BAD, LARGEST, NOTHING, TARGET

# `_nrt`: nothing here makes an array, and counting references to those it is given would cost more than the step.
INNER: dict[str, Any] = {"nogil": True, "error_model": "python", "forceinline": True, "_nrt": False}

_BY_ZERO = "integer division or modulo by zero"
_I64 = ir.IntType(64)
_LOWEST = ir.Constant(_I64, -LARGEST - 1)
_BEYOND = 2.0**63  # the first float that no integer of 64 bits reaches


def _raise(context: Any, builder: Any, when: Any, error: type[Exception], message: str) -> None:
    with builder.if_then(when, likely=False):
        context.call_conv.return_user_exc(builder, error, (message,))


def _checked(operation: str) -> Any:
    def declare(typingctx: Any, left: Any, right: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            result = getattr(builder, operation)(*arguments)
            _raise(context, builder, builder.extract_value(result, 1), OverflowError, TOO_LARGE)
            return builder.extract_value(result, 0)

        return types.int64(types.int64, types.int64), generate

    return intrinsic(declare)


plus__ = _checked("sadd_with_overflow")
minus__ = _checked("ssub_with_overflow")
times__ = _checked("smul_with_overflow")


@intrinsic
def quotient__(typingctx: Any, left: Any, right: Any) -> Any:
    """left // right, down, as Python has it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, by = arguments
        zero, minus = ir.Constant(_I64, 0), ir.Constant(_I64, -1)
        _raise(context, builder, builder.icmp_signed("==", by, zero), ZeroDivisionError, _BY_ZERO)
        wraps = builder.and_(builder.icmp_signed("==", value, _LOWEST), builder.icmp_signed("==", by, minus))
        _raise(context, builder, wraps, OverflowError, TOO_LARGE)
        quotient = builder.sdiv(value, by)
        rest = builder.srem(value, by)
        return builder.select(_leans(builder, rest, by), builder.add(quotient, minus), quotient)

    return types.int64(types.int64, types.int64), generate


@intrinsic
def rest__(typingctx: Any, left: Any, right: Any) -> Any:
    """left % right, with the sign of right, as Python has it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, by = arguments
        zero, one, minus = (ir.Constant(_I64, each) for each in (0, 1, -1))
        _raise(context, builder, builder.icmp_signed("==", by, zero), ZeroDivisionError, _BY_ZERO)
        safe = builder.select(builder.icmp_signed("==", by, minus), one, by)  # -2^63 % -1 faults in hardware
        rest = builder.srem(value, safe)
        return builder.select(_leans(builder, rest, safe), builder.add(rest, safe), rest)

    return types.int64(types.int64, types.int64), generate


def _leans(builder: Any, rest: Any, by: Any) -> Any:
    """Whether truncation went the other way than rounding down."""
    zero = ir.Constant(_I64, 0)
    signs_differ = builder.icmp_signed("<", builder.xor(rest, by), zero)
    return builder.and_(builder.icmp_signed("!=", rest, zero), signs_differ)


@intrinsic
def place__(typingctx: Any, index: Any, length: Any) -> Any:
    """An index into a ring, counted from its end where negative, checked against its length."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        index, length = arguments
        from_end = builder.icmp_signed("<", index, ir.Constant(_I64, 0))
        place = builder.select(from_end, builder.add(index, length), index)
        beyond = builder.icmp_unsigned(">=", place, length)
        _raise(context, builder, beyond, IndexError, "list index out of range")
        return place

    return types.uint64(types.int64, types.int64), generate


def _chosen(float_order: str, int_order: str) -> Any:
    def declare(typingctx: Any, first: Any, second: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first, second = arguments
            whole = signature.args[0] is types.int64
            compare, order = (builder.icmp_signed, int_order) if whole else (builder.fcmp_ordered, float_order)
            return builder.select(compare(order, second, first), second, first)

        return first(first, first), generate

    return intrinsic(declare)


lower__ = _chosen("<", "<")  # the second only if it is lower: what Python's min does with nan and -0.0
upper__ = _chosen(">", ">")


@njit(**INNER)
def absolute__(value: int) -> int:
    return minus__(0, value) if value < 0 else value


@njit(**INNER)
def power__(value: int, exponent: int) -> int:
    result = 1
    for _ in range(exponent):
        result = times__(result, value)
    return result


@njit(**INNER)
def floored__(value: float) -> int:
    return truncated__(math.floor(value) if abs(value) < _BEYOND else value)


@njit(**INNER)
def rounded__(value: float) -> int:
    """The nearest integer, of two the even one, as Python has it."""
    return round(value) if abs(value) < _BEYOND else truncated__(value)


@njit(**INNER)
def truncated__(value: float) -> int:
    if value != value:
        raise ValueError("cannot convert float NaN to integer")
    if not -_BEYOND <= value < _BEYOND:
        raise OverflowError(TOO_LARGE)
    return int(value)


@njit(**INNER)
def root__(value: float) -> float:
    if value < 0.0:
        raise ValueError("math domain error")
    return math.sqrt(value)


@njit(**INNER)
def opinion__(exposure: float, limit: int, stop: int, valid_until: int) -> tuple[int, int, int, int, int]:
    """What an exposure means, as core/kernel_says.py has it."""
    if exposure != exposure:
        return NOTHING
    ppm = exposure * 1e6
    if -1.0 <= exposure <= 1.0:
        return (TARGET, math.floor(ppm + 0.5), limit, stop, valid_until)
    if ppm >= _BEYOND:
        return (BAD, LARGEST, 0, 0, 0)
    if ppm <= -_BEYOND:
        return (BAD, -LARGEST, 0, 0, 0)
    return (BAD, int(ppm), 0, 0, 0)
