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

from workbench.compiled import cache
from workbench.compiled.engine_account import note_entry
from workbench.compiled.engine_driving import watch_out, worth_of
from workbench.compiled.engine_hearing import hear_all, hear_opinion, lapse, look
from workbench.compiled.machine import intrinsic, machine
from workbench.compiled.venue_crossing import meet_bar, meet_quote, meet_trade
from workbench.core import rules

# What a driver may ask for.
MEET_BAR, MEET_TRADE, MEET_QUOTE, HEAR_OPINION, LOOK, GO_ON, WORTH, AVERAGE = range(8)

BOOK, LOG = types.int64[::1], types.int64[:, ::1]
FIGURES = 7

_TEXT = '''"""The engine of the workbench; written for the disk cache of numba, which goes by files."""

from numba import njit

from workbench.compiled.engine import act


@njit(nogil=True, error_model="python", cache=True, no_cfunc_wrapper=True)
def engine(book, log, what, a, b, c, d, e, f, g):
    return act(book, log, what, a, b, c, d, e, f, g)
'''

_if_unlikely: Any = cgutils.if_unlikely


@machine
def act(book: Any, log: Any, what: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any) -> Any:
    """Does one of the things a driver asks for; seven figures go with it."""
    if what == HEAR_OPINION:
        hear_opinion(book, log, a, b, c, d, e)
    elif what == LOOK:
        look(book, log)
    elif what == WORTH:
        return worth_of(book, a)
    elif what == AVERAGE:
        note_entry(book)
    elif what == GO_ON:
        hear_all(book, log)
        watch_out(book)
    else:
        _meet(book, what, a, b, c, d, e, f, g)
        hear_all(book, log)
        lapse(book, log)
        watch_out(book)  # a fill has changed what the mark multiplies
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
    signature = (BOOK, LOG, *[types.int64] * (1 + FIGURES))
    module.engine.compile(signature)
    if sum(module.engine.stats.cache_misses.values()):
        cache.seal(module)
    found = module.engine.overloads[signature]
    address: int = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
    return address


@lru_cache(maxsize=1)
def engine_closure() -> str:
    """A hash of all that engine and drivers are compiled of, hex."""
    room = Path(__file__).parent
    parts = [*(each.read_text() for each in sorted(room.glob("*.py"))), inspect.getsource(rules), numba.__version__]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@intrinsic
def ask(typingctx, address, book, log, what, a, b, c, d, e, f, g):  # type: ignore[no-untyped-def]
    """Has the engine at an address do something; what it raises is raised here."""
    signature = types.int64(types.int64, BOOK, LOG, *[types.int64] * (1 + FIGURES))

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kinds, conventions = signature.args[1:], context.call_conv
        form = conventions.get_function_type(types.int64, kinds)
        engine = builder.inttoptr(arguments[0], ir.PointerType(form))
        status, answer = conventions.call_function(builder, engine, types.int64, kinds, arguments[1:])
        with _if_unlikely(builder, status.is_error):
            conventions.return_status_propagate(builder, status)
        return answer

    return signature, codegen
