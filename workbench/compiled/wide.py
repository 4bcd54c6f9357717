"""Checked 128-bit integers for compiled code: what the rule book multiplies and divides in.

A `Wide` never wraps: a sum or product that does not fit raises OverflowError, and so does `narrow`
for what does not fit 64 bits. LLVM's own division of 128 bits calls a runtime that is not there, so
division is done here, in 64-bit halves.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typeconv.castgraph import Conversion
from numba.extending import lower_cast, models, register_model

from workbench.compiled.machine import SMALL, intrinsic, overload, rare, small

BITS = 127  # a product of operands of more bits together might not fit

_I128, _I64 = ir.IntType(128), ir.IntType(64)
_LOW_HALF = 0xFFFFFFFF


class WideType(types.Type):
    """A signed integer of 128 bits; 64-bit integers become one wherever one is due."""

    def __init__(self) -> None:
        super().__init__(name="wide")

    def can_convert_from(self, typingctx: Any, other: Any) -> Any:
        return Conversion.promote if isinstance(other, types.Integer) else None

    def unify(self, typingctx: Any, other: Any) -> Any:
        return self if isinstance(other, types.Integer) else None


wide = WideType()
_Number = (WideType, types.Integer)


@register_model(WideType)
class _WideModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _I128)


@lower_cast(types.Integer, WideType)
def _cast(context: Any, builder: Any, fromty: Any, toty: Any, value: Any) -> Any:
    return builder.sext(value, _I128) if fromty.signed else builder.zext(value, _I128)


# --- from and to 64 bits ---------------------------------------------------------------------------


@intrinsic
def widen(typingctx, value):  # type: ignore[no-untyped-def]
    """A 64-bit integer, or a truth value, as a Wide."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        if isinstance(signature.args[0], WideType):
            return args[0]
        return builder.sext(args[0], _I128)

    return wide(value), codegen


@intrinsic
def _truncated(typingctx, value):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.trunc(args[0], _I64)

    return types.int64(value), codegen


@intrinsic
def _low(typingctx, value):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.trunc(args[0], _I64)

    return types.uint64(value), codegen


@intrinsic
def _high(typingctx, value):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.trunc(builder.lshr(args[0], ir.Constant(_I128, 64)), _I64)

    return types.uint64(value), codegen


@intrinsic
def high_product(typingctx, a, b):  # type: ignore[no-untyped-def]
    """The upper half of what two unsigned integers of 64 bits multiply to."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        product = builder.mul(builder.zext(args[0], _I128), builder.zext(args[1], _I128))
        return builder.trunc(builder.lshr(product, ir.Constant(_I128, 64)), _I64)

    return types.uint64(types.uint64, types.uint64), codegen


@intrinsic
def _joined(typingctx, high, low):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        top = builder.shl(builder.zext(args[0], _I128), ir.Constant(_I128, 64))
        return builder.or_(top, builder.zext(args[1], _I128))

    return wide(types.uint64, types.uint64), codegen


@intrinsic
def _leading_zeros(typingctx, value):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


def _compared(sign: str) -> Any:
    @intrinsic
    def compare(typingctx, a, b):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.icmp_signed(sign, args[0], args[1])

        return types.boolean(wide, wide), codegen

    return compare


def _raw(name: str) -> Any:
    """An instruction on two of them that says nothing of what did not fit."""

    @intrinsic
    def calculate(typingctx, a, b):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return getattr(builder, name)(args[0], args[1])

        return wide(wide, wide), codegen

    return calculate


def _overflow_of(name: str) -> Any:
    """Whether an instruction on two of them does not fit."""

    @intrinsic
    def overflows(typingctx, a, b):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.extract_value(getattr(builder, name)(args[0], args[1]), 1)

        return types.boolean(wide, wide), codegen

    return overflows


_less, _more, _equal = _compared("<"), _compared(">"), _compared("==")
_less_or_equal, _more_or_equal, _unequal = _compared("<="), _compared(">="), _compared("!=")
_sum, _difference, _product = _raw("add"), _raw("sub"), _raw("mul")
_sum_overflows, _difference_overflows = _overflow_of("sadd_with_overflow"), _overflow_of("ssub_with_overflow")


@small
def narrow(value: Any) -> Any:
    """A Wide as a 64-bit integer; raises OverflowError where it does not fit."""
    found = _truncated(value)
    if _unequal(widen(found), value):
        raise OverflowError("a figure does not fit 64 bits")
    return found


# --- arithmetic ------------------------------------------------------------------------------------


@small
def _fits(value: Any) -> Any:
    return _equal(widen(_truncated(value)), value)


@small
def _bits(value: Any) -> Any:
    """How many bits the magnitude of a Wide needs."""
    high, low = _high(value), _low(value)
    return 128 - _leading_zeros(high) if high else 64 - _leading_zeros(low)


@small
def _add(a: Any, b: Any) -> Any:
    if _sum_overflows(a, b):
        raise OverflowError("a sum does not fit 128 bits")
    return _sum(a, b)


@small
def _subtract(a: Any, b: Any) -> Any:
    if _difference_overflows(a, b):
        raise OverflowError("a difference does not fit 128 bits")
    return _difference(a, b)


@small
def _magnitude(value: Any) -> Any:
    return _subtract(widen(0), value) if _less(value, widen(0)) else value


@small
def _multiply(a: Any, b: Any) -> Any:
    if _fits(a) and _fits(b):
        return _product(widen(_truncated(a)), widen(_truncated(b)))
    return _multiplied(a, b)


@rare
def _multiplied(a: Any, b: Any) -> Any:
    if _bits(_magnitude(a)) + _bits(_magnitude(b)) > BITS:
        raise OverflowError("a product does not fit 126 bits")
    return _product(a, b)


@small
def _divide(a: Any, b: Any) -> Any:
    """a // b, rounded towards minus infinity like Python's."""
    if _fits(a) and _fits(b):
        divisor = _truncated(b)
        if divisor > 0:  # the smallest integer over -1 would not fit
            return widen(_truncated(a) // divisor)
    return _divided_down(a, b)


@rare
def _divided_down(a: Any, b: Any) -> Any:
    if _equal(b, widen(0)):
        raise ZeroDivisionError("division by zero")
    quotient, rest = _divided(_magnitude(a), _magnitude(b))
    if _less(a, widen(0)) == _less(b, widen(0)):
        return quotient
    negative = _difference(widen(0), quotient)
    return _subtract(negative, widen(1)) if _unequal(rest, widen(0)) else negative


@rare
def _divided(a: Any, b: Any) -> Any:
    """Quotient and remainder of two that are not negative, the second above 0."""
    high, low, divisor = _high(a), _low(a), _low(b)
    if _high(b):
        return _divided_by_wide(a, b)
    first = high // divisor
    second, rest = _divided_halves(high - first * divisor, low, divisor)
    return _joined(first, second), _joined(types.uint64(0), rest)


@rare
def _divided_by_wide(a: Any, b: Any) -> Any:
    """Bit by bit, at most 63 of them: divisors beyond 64 bits are rare."""
    quotient, rest = widen(0), a
    shift = _bits(a) - _bits(b)
    divisor = b
    for _ in range(shift):
        divisor = _sum(divisor, divisor)
    for _ in range(shift + 1):
        quotient = _sum(quotient, quotient)
        if _less_or_equal(divisor, rest):
            rest = _difference(rest, divisor)
            quotient = _sum(quotient, widen(1))
        divisor = _joined(_high(divisor) >> types.uint64(1), _halved(divisor))
    return quotient, rest


@small
def _halved(value: Any) -> Any:
    """The low half of a magnitude divided by 2."""
    return (_high(value) << types.uint64(63)) | (_low(value) >> types.uint64(1))


@rare
def _divided_halves(high: Any, low: Any, divisor: Any) -> Any:
    """(high, low) over a divisor above `high`: schoolbook division with 32-bit digits (Knuth's algorithm D)."""
    if high == types.uint64(0):
        return low // divisor, low % divisor
    half, mask = types.uint64(32), types.uint64(_LOW_HALF)
    base = types.uint64(1) << half
    shift = types.uint64(_leading_zeros(divisor))
    divisor <<= shift
    carried = types.uint64(0) if shift == types.uint64(0) else low >> (types.uint64(64) - shift)
    high, low = (high << shift) | carried, low << shift
    first, second = divisor >> half, divisor & mask
    upper, lower = low >> half, low & mask
    digit = high // first
    rest = high - digit * first
    while digit >= base or digit * second > ((rest << half) | upper):
        digit -= types.uint64(1)
        rest += first
        if rest >= base:
            break
    middle = ((high << half) | upper) - digit * divisor
    last = middle // first
    rest = middle - last * first
    while last >= base or last * second > ((rest << half) | lower):
        last -= types.uint64(1)
        rest += first
        if rest >= base:
            break
    left = ((middle << half) | lower) - last * divisor
    return (digit << half) | last, left >> shift


def _operates(symbol: Callable[..., Any], calculate: Any) -> None:
    """Gives an operator to a Wide and any integer, on either side."""

    @overload(symbol, jit_options=SMALL)
    def operate(a, b):  # type: ignore[no-untyped-def]
        both = isinstance(a, _Number) and isinstance(b, _Number)
        if both and (isinstance(a, WideType) or isinstance(b, WideType)):
            return lambda a, b: calculate(widen(a), widen(b))
        return None


for _symbol, _calculate in (
    (operator.add, _add),
    (operator.sub, _subtract),
    (operator.mul, _multiply),
    (operator.floordiv, _divide),
    (operator.lt, _less),
    (operator.gt, _more),
    (operator.le, _less_or_equal),
    (operator.ge, _more_or_equal),
    (operator.eq, _equal),
    (operator.ne, _unequal),
):
    _operates(_symbol, _calculate)


@overload(operator.neg, jit_options=SMALL)
def _negative(value):  # type: ignore[no-untyped-def]
    return (lambda value: _subtract(widen(0), value)) if isinstance(value, WideType) else None


@overload(abs, jit_options=SMALL)
def _absolute(value):  # type: ignore[no-untyped-def]
    return (lambda value: _magnitude(value)) if isinstance(value, WideType) else None


@overload(min, jit_options=SMALL)
def _smaller(a, b):  # type: ignore[no-untyped-def]
    if isinstance(a, WideType) and isinstance(b, WideType):
        return lambda a, b: a if _less_or_equal(a, b) else b
    return None
