"""What a kernel cannot say is refused where it is declared: the line, the construct, and what to write instead."""

from __future__ import annotations

import linecache
import math
from typing import Any

import pytest

from workbench.core.errors import ConfigError
from workbench.core.indicators import Ema, Extremes, Sma
from workbench.core.kernel import kernel, quotes, ring, target

STATE = {
    "sma": Sma.sized("n"),
    "ema": Ema.sized(5),
    "channel": Extremes.sized(5),
    "ring": ring("n"),
    "count": 0,
    "mean": 0.0,
    "odd": False,
}

WORDS = [1, 2]


def declared(body: str, first: str = "bar, state, n: int = 3, x: float = 0.5", **names: Any) -> Any:
    """A kernel of this body; the first line of the body is line 2."""
    source = f"def bad({first}):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    file = f"<{len(linecache.cache)} of a test>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    known: dict[str, Any] = {"math": math, "target": target, "quotes": quotes, "WORDS": WORDS, "__name__": __name__}
    spoken: dict[str, Any] = known | names
    exec(compile(source, file, "exec"), spoken)
    return kernel(STATE)(spoken["bad"])


REFUSED = {
    "return [1.0]": "a list is a Python object",
    "state.words = 1\nreturn 0.0": "the state has no 'words'",
    "y = [i for i in range(3)]\nreturn 0.0": "write a loop over range",
    "y = sum(i for i in range(3))\nreturn 0.0": "`sum` cannot be called",
    "try:\n    y = 1\nexcept ValueError:\n    y = 2\nreturn 0.0": "kernels catch nothing; test for the case",
    "print(n)\nreturn 0.0": "`print` cannot be called",
    "return math.exp(x)": "`math.exp` cannot be called",
    "return math.ceil(x)": "write -math.floor(-x)",
    "return WORDS[0]": "`WORDS` is a list outside of the kernel",
    "return nothing": "'nothing' stands for nothing here; define it before",
    "y = lambda: 1\nreturn 0.0": "a lambda is a Python object",
    "with open('x'):\n    pass\nreturn 0.0": "`with` needs a Python object",
    "import os\nreturn 0.0": "import above the kernel",
    "return None": "write math.nan",
    "return": "write return math.nan",
    "y = 1": "it may end without a return; end with return math.nan",
    "if n > 1:\n    return 1.0": "it may end without a return",
    "return 'long'": "text is a Python object",
    "return n > 3": "it returns a bool; write 1.0 if n > 3 else 0.0",
    "return 1.0, 2.0": "it returns a tuple of 2",
    "return state.sma": "it returns the Sma",
    "return target(1.0, limit=x)": "limit `x` is a float, no raw int; write math.floor(x)",
    "return quotes(1, 2, 3)": "write quotes(bid, bid_size, ask, ask_size)",
    "state.count = 1.5\nreturn 0.0": "`state.count` is an int and cannot become a float",
    "state.mean = n\nreturn 0.0": "cannot become an int; write float(n)",
    "state.odd = 1\nreturn 0.0": "`state.odd` is a bool and cannot become an int",
    "state.count /= 2\nreturn 0.0": "cannot become a float",
    "y = 1\ny = 1.5\nreturn 0.0": "`y` is an int and cannot become a float",
    "state.ring.append(1)\nreturn 0.0": "a ring keeps its length: it has no append",
    "state.ring = 3\nreturn 0.0": "a ring of ints cannot be replaced",
    "state.ring[x] = 1\nreturn 0.0": "the index `x` is a float",
    "return float(state.ring[1:2])": "a slice makes a list",
    "state.sma = 1\nreturn 0.0": "the Sma cannot be replaced",
    "state.sma.total = 1\nreturn 0.0": "only its update changes an indicator",
    "bar.close_raw = 1\nreturn 0.0": "`bar.close_raw` is read-only",
    "return state.sma.value": "the Sma has no 'value'; it has",
    "return bar.price": "the bar has no 'price'",
    "return 1.0 + state.sma.update(3)": "give it a line of its own",
    "y = state.sma.update(x)\nreturn 0.0": "value is an int, got a float",
    "y = state.ema.update(3)\nreturn 0.0": "write float(3)",
    "y = state.ema\nreturn 0.0": "the Ema cannot have another name",
    "if n:\n    return 1.0\nreturn 0.0": "write `n != 0`",
    "if n > 1:\n    y = 1.0\nreturn y": "'y' may have no value here",
    "for i in WORDS:\n    pass\nreturn 0.0": "it loops over a Python object",
    "for i in range(3):\n    y = i\nreturn float(y)": "'y' may have no value here",
    "return x ** 2": "write x * x",
    "return float(n & 1)": "no bit operations",
    "return 1.0 if n is 3 else 0.0": "asks for objects",
    "return min(n, x)": "write float(n)",
    "return x if n > 1 else n": "write float(n)",
    "return math.inf": "kernels have no infinity",
    "return 1.0\ny = 2": "this line is never reached",
    "raise ValueError\nreturn 0.0": "kernels raise nothing",
    "assert n > 1\nreturn 0.0": "check parameters with requires",
    "y = 2 ** 64\nreturn 0.0": "`**`",
    "y = 99999999999999999999\nreturn 0.0": "beyond 64 bits",
    "y__z = 1\nreturn 0.0": "two underscores",
}


@pytest.mark.parametrize(("body", "said"), REFUSED.items(), ids=list(REFUSED))
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_what_is_no_kernel_is_refused_with_line_and_remedy(body, said):
    with pytest.raises(ConfigError) as caught:
        declared(body)
    assert said in str(caught.value)
    place = str(caught.value).split(": ")[0].rsplit(":", 1)
    assert place[0].startswith("<")
    assert 1 < int(place[1]) < 2 + len(body.splitlines())


FIRST_LINES = {
    "": "it hears no event; name the first argument bar, trade, quote, top",
    "price, state": "argument 'price' is no event",
    "bar, n: int = 3": "its second argument is not state",
    "bar, state, fast": "argument 'fast' has no default",
    "bar, state, n = 3": "parameter 'n' is no int, float or bool; write n: int = 20",
    "bar, state, n: str = 'a'": "parameter 'n' is no int, float or bool",
    "bar, state, n: int = 'a'": "its defaults do not fit",
    "bar, state, *, n: int = 3": "argument 'n' is none by position and name",
    "bar, state, position: int = 3": "has the name of an input",
}


@pytest.mark.parametrize(("first", "said"), FIRST_LINES.items(), ids=list(FIRST_LINES))
def test_a_first_line_out_of_order_is_refused(first, said):
    with pytest.raises(ConfigError, match="of a test>:1: bad: ") as caught:
        declared("return 0.0", first)
    assert said in str(caught.value)


def test_a_function_that_changes_its_mind_or_calls_itself_is_refused():
    mutable = [1.0]

    @kernel()
    def fine(bar, state):
        return 0.0

    with pytest.raises(ConfigError, match="`mutable` is a list outside of the kernel"):

        @kernel()
        def closes_over(bar, state):
            return mutable[0]

    def again(value: int) -> int:
        return again(value - 1)

    with pytest.raises(ConfigError, match="again calls itself; write a loop"):

        @kernel()
        def calls(bar, state):
            return float(again(3))

    assert fine.reads == frozenset()


def test_a_state_that_cannot_be_laid_out_is_refused():
    def plain(bar, state, n: int = 3):
        return 0.0

    for state, said in [
        ({"a": "text"}, "state 'a': expected a number, a bool"),
        ({"a": [1, 2]}, "state 'a': expected a number"),
        ({"a": ring("window")}, "no parameter 'window'; there is n"),
        ({"a": ring(0)}, "expected a size from 1"),
        ({"a": Sma}, "write Sma.sized"),
        ({"a": Sma.sized("slow")}, "no parameter 'slow'"),
    ]:
        with pytest.raises(ConfigError) as caught:
            kernel(state)(plain)
        assert said in str(caught.value)


def test_the_decorator_without_parentheses_says_so():
    with pytest.raises(ConfigError, match="with the parentheses"):
        kernel(lambda bar, state: 0.0)  # type: ignore[arg-type]
