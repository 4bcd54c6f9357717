"""How the engine's functions are compiled: as parts, which become machine code once, in what is made of them.

By itself numba optimises every function together with all that it calls, down to machine code, and then
once more in each of its callers. A part stays as it was written until a whole (a driver, or the engine
behind it) links all of its parts, and is optimised as one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from llvmlite.binding import Linkage
from numba import extending, njit, types
from numba._dynfunc import make_function
from numba.core import funcdesc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, _LowerResult
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

intrinsic: Any = extending.intrinsic  # what it makes is called with other arguments than it is written with
overload: Any = extending.overload

_NOWHERE = 1  # the address of a part by itself: nobody calls it


class _Part(JITCodeLibrary):
    """The code of one function, not optimised; who links it links all that it calls."""

    def finalize(self) -> None:
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            whole = self._final_module.clone()
            own = {function.name for function in whole.functions if not function.is_declaration}
            for library in self._called({self}):
                whole.link_in(library._final_module, preserve=True)
            for function in whole.functions:  # it may be linked into several, and what nobody calls is dropped
                if not function.is_declaration and function.linkage == Linkage.external:
                    function.linkage = "linkonce_odr" if function.name in own else "internal"
            self._shared_module = whole
        return self._shared_module

    def _called(self, met: set[Any]) -> list[Any]:
        """All that it calls, each once."""
        found: list[Any] = []
        for library in self._linking_libraries:
            if library not in met:
                met.add(library)
                self._reload_init.update(library._reload_init)
                found.append(library)
                found += library._called(met) if isinstance(library, _Part) else []
        return found


class _Copied(Lower):
    """Writes a function that is copied into each of its callers."""

    def lower_normal_function(self, fndesc: Any) -> None:
        super().lower_normal_function(fndesc)
        self.function.attributes.add("alwaysinline")


class _Apart(Lower):
    """Writes a function that is called seldom and never copied: its callers keep their registers for the rest."""

    def lower_normal_function(self, fndesc: Any) -> None:
        super().lower_normal_function(fndesc)
        self.function.attributes.add("noinline")
        self.function.attributes.add("cold")


class _PartLowering(LoweringPass):
    """From typed instructions to LLVM's, and no further."""

    _lower: type[Lower] = Lower

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        context, flags = state.targetctx, state.flags
        state.library = library = _Part(context.codegen(), state.func_id.func_qualname)
        written = funcdesc.PythonFunctionDescriptor.from_specialized_function(
            state.func_ir,
            state.typemap,
            state.return_type,
            state.calltypes,
            mangler=context.mangler,
            inline=False,
            noalias=flags.noalias,
            abi_tags=[flags.get_mangle_string()],
        )
        library._reload_init.update(state.reload_init)
        with context.push_code_library(library):
            lower = self._lower(context, library, written, state.func_ir, metadata=state.metadata)
            lower.lower()
        library._ensure_finalized()
        entry = make_function(written.lookup_module(), state.func_id.func_name, "", _NOWHERE, lower.env, (library,))
        context.insert_user_function(entry, written, [library])
        state.reload_init.extend(library._reload_init)
        state["cr"] = _LowerResult(written, lower.call_helper, cfunc=entry, env=lower.env)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _LoweringWhole(_PartLowering):
    _name = "lowering_part"


@register_pass(mutates_CFG=True, analysis_only=False)
class _LoweringCopied(_PartLowering):
    _name = "lowering_copied_part"
    _lower = _Copied


@register_pass(mutates_CFG=True, analysis_only=False)
class _LoweringApart(_PartLowering):
    _name = "lowering_part_apart"
    _lower = _Apart


def _pipeline(lowering: type[_PartLowering]) -> type[CompilerBase]:
    class Compiler(CompilerBase):
        def define_pipelines(self) -> list[Any]:
            found = DefaultPassBuilder.define_nopython_pipeline(self.state)
            found.passes = [(lowering, what) if each is NativeLowering else (each, what) for each, what in found.passes]
            found.finalize()
            return [found]

    return Compiler


SMALL: dict[str, Any] = {
    "nogil": True,
    "error_model": "python",
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": _pipeline(_LoweringCopied),
}


def small(function: Any) -> Any:
    """A line or two, copied wherever it is called."""
    return _for_any_figures(njit(**SMALL)(function))


def machine(function: Any) -> Any:
    """A function that is copied into its callers where that pays."""
    return _for_any_figures(njit(**(SMALL | {"pipeline_class": _pipeline(_LoweringWhole)}))(function))


def rare(function: Any) -> Any:
    """A function that is seldom called, and never copied."""
    return _for_any_figures(njit(**(SMALL | {"pipeline_class": _pipeline(_LoweringApart)}))(function))


@intrinsic
def fetch(typingctx, column, row):  # type: ignore[no-untyped-def]
    """Has the processor bring a figure of a column that is asked for soon; beyond its end it does nothing."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kinds = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kinds)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(prefetch, [place, *(ir.Constant(word, how) for how in (0, 3, 1))])  # to read, to keep, data
        return context.get_dummy_value()

    return types.none(column, types.int64), codegen


def _for_any_figures(dispatcher: Any) -> Any:
    """One form for all constants: numba would compile another for each that a caller writes down."""
    template = dispatcher.get_call_template

    def of_kinds(given: Any, named: Any) -> Any:
        return template([types.unliteral(each) for each in given], named)

    dispatcher.get_call_template = of_kinds
    return dispatcher
