"""The engine behind every driver, as one function at one address: compiled once, whatever kernels there are."""

from __future__ import annotations

import hashlib
import inspect
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array

from workbench.compiled import cache
from workbench.compiled.engine_account import note_entry
from workbench.compiled.engine_driving import watch_out, worth_of
from workbench.compiled.engine_hearing import hear_all, hear_opinion, lapse, look
from workbench.compiled.engine_log import WIDTH
from workbench.compiled.engine_state import NO_OPINION, SENT_FIRST, SENT_LAST
from workbench.compiled.machine import intrinsic, machine, small
from workbench.compiled.venue_crossing import meet_bar, meet_quote, meet_trade
from workbench.core import rules

# What a driver may ask for.
QUIET, MEET_BAR, MEET_TRADE, MEET_QUOTE, LOOK, GO_ON, WORTH, AVERAGE = range(8)

BOOK, LOG = types.int64[::1], types.int64[:, ::1]
WHERE = types.CPointer(types.int64)  # an array is handed over as its place and its length
FIGURES = 7

_TEXT = '''"""The engine of the workbench; written for the disk cache of numba, which goes by files."""

from numba import njit

from workbench.compiled.engine import act, book_at, log_at


@njit(nogil=True, error_model="python", cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
def engine(book, places, log, rows, what, a, b, c, d, e, f, g):
    return act(book_at(book, places), log_at(log, rows), what, a, b, c, d, e, f, g)
'''

MADE_OF = (
    *("machine", "wide", "rulebook", "risk_gate", "desk_orders", "desk_requests", "desk_wishes"),
    *("engine", "engine_account", "engine_driving", "engine_hearing", "engine_log", "engine_state"),
    *("venue_account", "venue_crossing", "venue_desk"),
)

_if_unlikely: Any = cgutils.if_unlikely


@small
def act(book: Any, log: Any, what: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any) -> Any:
    """Does one of the things a driver asks for, seven figures go with it; 1 where what was said is not heard yet."""
    if what == GO_ON:
        if a != NO_OPINION:
            hear_opinion(book, log, a, b, c, d, e)
        hear_all(book, log)
        watch_out(book)
    elif what == LOOK:
        look(book, log)
    elif what == WORTH:
        return worth_of(book, a)
    elif what == AVERAGE:
        note_entry(book)
    else:
        _meet(book, what, a, b, c, d, e, f, g)
        hear_all(book, log)
        lapse(book, log)
        watch_out(book)  # a fill has changed what the mark multiplies
        return book[SENT_FIRST] < book[SENT_LAST]
    return 0


@machine
def _meet(book: Any, what: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any) -> None:
    if what == MEET_BAR:
        meet_bar(book, a, b, c, d, e, f, g)
    elif what == MEET_TRADE:
        meet_trade(book, a, b, c)
    else:
        meet_quote(book, a, b, c, d, e)


@lru_cache(maxsize=1)
def engine_address() -> int:
    """Where the engine's machine code is, compiled now (some 20 s) unless it is on the disk."""
    module = cache.load("engine", _TEXT, engine_closure())
    signature = (WHERE, types.int64, WHERE, types.int64, *[types.int64] * (1 + FIGURES))
    module.engine.compile(signature)
    if sum(module.engine.stats.cache_misses.values()):
        cache.seal(module)
    found = module.engine.overloads[signature]
    address: int = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
    return address


@lru_cache(maxsize=1)
def engine_closure() -> str:
    """A hash of all that the engine is compiled of, hex: this module's text, and that of all it is made of."""
    room = Path(__file__).parent
    parts = [*((room / f"{name}.py").read_text() for name in MADE_OF), inspect.getsource(rules), numba.__version__]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _array_at(kind: Any, *widths: int) -> Any:
    """Makes an array of its place and its length."""

    @intrinsic
    def array_at(typingctx, place, length):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            word = arguments[1].type
            shape = [arguments[1], *(ir.Constant(word, width) for width in widths)]
            strides = [ir.Constant(word, 8 * width) for width in (*widths, 1)]
            found = context.make_array(kind)(context, builder)
            populate_array(found, arguments[0], shape, strides, ir.Constant(word, 8), None)
            return found._getvalue()

        return kind(place, length), codegen

    return array_at


book_at, log_at = _array_at(BOOK), _array_at(LOG, WIDTH)


@intrinsic
def ask(typingctx, address, book, log, what, a, b, c, d, e, f, g):  # type: ignore[no-untyped-def]
    """Has the engine at an address do something; what it raises is raised here."""
    signature = types.int64(types.int64, BOOK, LOG, *[types.int64] * (1 + FIGURES))

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kinds, conventions = (WHERE, types.int64, WHERE, types.int64, *signature.args[3:]), context.call_conv
        form = conventions.get_function_type(types.int64, kinds)
        engine = builder.inttoptr(arguments[0], ir.PointerType(form))
        arrays = [
            context.make_array(kind)(context, builder, each)
            for kind, each in zip((BOOK, LOG), arguments[1:3], strict=True)
        ]
        places = [part for each in arrays for part in (each.data, builder.extract_value(each.shape, 0))]
        status, answer = conventions.call_function(builder, engine, types.int64, kinds, [*places, *arguments[3:]])
        with _if_unlikely(builder, status.is_error):
            conventions.return_status_propagate(builder, status)
        return answer

    return signature, codegen
