"""What no module may do: fetch time or chance, run text, pay in floats, or make a permission of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.house import FLOORS, Sources, dotted, functions_around, house, imports, room_of

# Where a float, a `/` or a `round` is meant, as path::function, with the reason.
NOT_MONEY: dict[str, str] = {}

# Where text is run on purpose, as path::function, with the reason.
RUNS_TEXT: dict[str, str] = {}

# Above these lines a run may know what kind of run it is: the composition root and what it reads.
KNOWS_ITS_MODE = ("workbench/runtime/build", "workbench/runtime/config")

_PAYS_IN_CORE = frozenset(
    f"workbench/core/{name}.py"
    for name in ["money", "instrument", "rules", "account", "ledger", "order", "events", "codec"]
)
_CHANCE_AND_CLOCKS = frozenset({"time", "random", "uuid", "secrets", "asyncio", "threading"})
_NOW = frozenset({"now", "utcnow", "today", "time_ns", "monotonic_ns", "urandom"})
_ORDER_MATTERS_NOT = frozenset({"sorted", "any", "all", "len", "min", "max", "sum", "set", "frozenset"})
_MODE_WORDS = frozenset({"is_live", "is_paper", "is_backtest", "live_mode", "paper_mode", "backtest_mode"})
_UNSAFE_MODULES = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"})
_UNSAFE_CALLS = frozenset(
    ["eval", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.Loader", "os.system", "os.popen"]
)


def pays(path: str) -> bool:
    """Whether a module decides over amounts of money."""
    return path in _PAYS_IN_CORE or room_of(path) in ("trading", "risk") or _matches_orders(path)


def decides(path: str) -> bool:
    """Whether a module must give the same answer for the same events."""
    return room_of(path) in ("core", "trading", "risk") or _matches_orders(path)


def _matches_orders(path: str) -> bool:
    return path.startswith("workbench/connectors/matching")


def inexact_money(sources: Sources) -> list[str]:
    """Floats, true division and rounding where money is decided."""
    complaints = []
    for path in filter(pays, sources):
        tree = ast.parse(sources[path])
        around = functions_around(tree)
        for node in ast.walk(tree):
            what = _inexact(node)
            if what and f"{path}::{around[node]}" not in NOT_MONEY:
                complaints.append(f"{path}:{node.lineno}: {what} in {around[node] or 'the module'}")
    return complaints


def _inexact(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        return f"float literal {node.value}"
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
        return "true division"
    if isinstance(node, ast.Call) and dotted(node.func) in ("float", "round", "math.fsum", "math.sqrt"):
        return f"{dotted(node.func)}()"
    return ""


def clocks_and_chance(sources: Sources) -> list[str]:
    """Time, randomness, identity hashes and unordered iteration where equal input owes equal output."""
    complaints = []
    for path in filter(decides, sources):
        for line, name in imports(path, sources[path]):
            if name.split(".")[0] in _CHANCE_AND_CLOCKS:
                complaints.append(f"{path}:{line}: import of {name}")
        tree = ast.parse(sources[path])
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = dotted(node.func)
                if name.rpartition(".")[2] in _NOW or name in ("hash", "id"):
                    complaints.append(f"{path}:{node.lineno}: {name}()")
        complaints += [f"{path}:{line}: iterates over a set" for line in _set_iterations(tree)]
    return complaints


def _set_iterations(tree: ast.AST) -> Iterator[int]:
    names = _names_of_sets(tree)
    harmless = {
        inner
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and dotted(call.func) in _ORDER_MATTERS_NOT
        for argument in call.args
        if isinstance(argument, ast.GeneratorExp)
        for inner in argument.generators
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.SetComp):
            harmless |= set(node.generators)
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and node not in harmless and _is_set(node.iter, names):
            yield node.iter.lineno
        elif (
            isinstance(node, ast.Call)
            and (dotted(node.func) in ("list", "tuple", "iter", "enumerate", "zip", "map") or _is_join(node))
            and any(_is_set(each, names) for each in node.args)
        ):
            yield node.lineno


def _is_join(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("join", "extend")


def _names_of_sets(tree: ast.AST) -> set[str]:
    """Names and attributes that this module fills with sets."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_set(node.value, names):
            names |= {dotted(each) for each in node.targets}
        elif isinstance(node, ast.AnnAssign) and _annotates_set(node.annotation):
            names.add(dotted(node.target))
        elif isinstance(node, ast.arg) and node.annotation is not None and _annotates_set(node.annotation):
            names.add(node.arg)
    return names


def _annotates_set(annotation: ast.expr) -> bool:
    bare = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return dotted(bare) in ("set", "frozenset")


def _is_set(node: ast.expr, names: set[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        return dotted(node.func) in ("set", "frozenset")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return any(_is_set(each, names) or _is_keys(each) for each in (node.left, node.right))
    return dotted(node) in names


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func).endswith(".keys")


def mode_questions(sources: Sources) -> list[str]:
    """Anything below the composition root that asks whether it runs live, on paper or in a backtest."""
    complaints = []
    for path, source in sources.items():
        if FLOORS.get(room_of(path), 0) > FLOORS["runtime"] or path.startswith(KNOWS_ITS_MODE):
            continue
        for node in ast.walk(ast.parse(source)):
            word = _mode_word(node)
            if word:
                complaints.append(f"{path}:{getattr(node, 'lineno', 0)}: asks for its mode: {word}")
    return complaints


def _mode_word(node: ast.AST) -> str:
    for attribute in ("id", "attr", "arg", "name"):
        word = getattr(node, attribute, None)
        if isinstance(word, str) and word in _MODE_WORDS:
            return word
    asked: list[ast.expr] = []
    if isinstance(node, ast.Compare):
        asked = [node.left, *node.comparators]
    elif isinstance(node, ast.Match):
        asked = [node.subject]
    return next((dotted(each) for each in asked if dotted(each).rpartition(".")[2] == "mode"), "")


def forged_permissions(sources: Sources) -> list[str]:
    """Places other than the gate that make an ApprovedOrder."""
    complaints = []
    for path, source in sources.items():
        if path == "workbench/risk/gate.py":
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and _makes_permission(node):
                complaints.append(f"{path}:{node.lineno}: makes an ApprovedOrder")
            elif isinstance(node, ast.alias) and node.name == "ApprovedOrder" and node.asname not in (None, node.name):
                complaints.append(f"{path}:{node.lineno}: ApprovedOrder under another name")
    return complaints


def _makes_permission(call: ast.Call) -> bool:
    maker = dotted(call.func).rpartition(".")[2]
    if maker == "ApprovedOrder":
        return True
    given = [*call.args, *(each.value for each in call.keywords)]
    mentions = any(dotted(each).rpartition(".")[2] == "ApprovedOrder" for each in given)
    return mentions and maker not in ("isinstance", "issubclass")


def text_that_runs(sources: Sources) -> list[str]:
    """Pickle, eval, exec, unsafe YAML and shells."""
    complaints = []
    for path, source in sources.items():
        for line, name in imports(path, source):
            if name.split(".")[0] in _UNSAFE_MODULES:
                complaints.append(f"{path}:{line}: import of {name}")
        tree = ast.parse(source)
        around = functions_around(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func)
            keywords = {each.arg: getattr(each.value, "value", None) for each in node.keywords}
            if name in _UNSAFE_CALLS or name.endswith("_pickle"):
                complaints.append(f"{path}:{node.lineno}: {name}()")
            elif name == "exec" and f"{path}::{around[node]}" not in RUNS_TEXT:
                complaints.append(f"{path}:{node.lineno}: exec in {around[node] or 'the module'}")
            elif keywords.get("allow_pickle") or keywords.get("shell"):
                complaints.append(f"{path}:{node.lineno}: {name} with allow_pickle or shell")
    return complaints


RULES = [inexact_money, clocks_and_chance, mode_questions, forged_permissions, text_that_runs]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_promise(rule):
    assert rule(house()) == []


BAD = [
    (inexact_money, "workbench/core/money.py", "RATE = 0.001"),
    (inexact_money, "workbench/core/ledger.py", "def mean(a, b):\n    return (a + b) / 2"),
    (inexact_money, "workbench/risk/gate.py", "x = float(y)"),
    (inexact_money, "workbench/trading/portfolio.py", "def size(a):\n    a /= 3"),
    (inexact_money, "workbench/connectors/matching_book.py", "price = round(price, 2)"),
    (clocks_and_chance, "workbench/core/ledger.py", "import time"),
    (clocks_and_chance, "workbench/trading/engine.py", "from uuid import uuid4"),
    (clocks_and_chance, "workbench/risk/gate.py", "from datetime import datetime\nnow = datetime.now()"),
    (clocks_and_chance, "workbench/connectors/matching.py", "key = hash(order)"),
    (clocks_and_chance, "workbench/trading/engine.py", "for each in {1, 2}:\n    pass"),
    (clocks_and_chance, "workbench/trading/engine.py", "living = set(orders)\nout = [each for each in living]"),
    (clocks_and_chance, "workbench/trading/engine.py", "for each in a.keys() | b.keys():\n    pass"),
    (clocks_and_chance, "workbench/trading/engine.py", "def go(names: frozenset[str]):\n    return ','.join(names)"),
    (
        clocks_and_chance,
        "workbench/trading/engine.py",
        "class A:\n def __init__(self):\n  self.open: set[str] = set()\n def go(self):\n  return list(self.open)",
    ),
    (mode_questions, "workbench/trading/engine.py", "if self.is_live:\n    pass"),
    (mode_questions, "workbench/runtime/session.py", "if run.mode == 'paper':\n    pass"),
    (mode_questions, "workbench/connectors/venue.py", "match mode:\n    case 'live':\n        pass"),
    (mode_questions, "workbench/risk/gate.py", "def check(is_backtest=False): ..."),
    (forged_permissions, "workbench/trading/engine.py", "go = ApprovedOrder(order)"),
    (forged_permissions, "workbench/connectors/paper.py", "go = events.ApprovedOrder(request=order)"),
    (forged_permissions, "workbench/runtime/bus.py", "go = msgspec.convert(raw, ApprovedOrder)"),
    (forged_permissions, "workbench/runtime/bus.py", "from workbench.core.events import ApprovedOrder as Permit"),
    (text_that_runs, "workbench/data/store.py", "import pickle"),
    (text_that_runs, "workbench/runtime/config.py", "yaml.load(text)"),
    (text_that_runs, "workbench/research/sweep.py", "eval('fast < slow')"),
    (text_that_runs, "workbench/lab/magics.py", "exec(cell)"),
    (text_that_runs, "workbench/research/frames.py", "pd.read_pickle('x')"),
    (text_that_runs, "workbench/runtime/session.py", "subprocess.run('ls', shell=True)"),
]


@pytest.mark.parametrize(("rule", "path", "source"), BAD, ids=lambda each: getattr(each, "__name__", None))
def test_each_promise_sees_the_fault_it_is_there_for(rule, path, source):
    assert rule({path: source})


FINE = {
    "workbench/core/rules.py": "def fee(a: int, b: int) -> int:\n    return a * b // 2",
    "workbench/core/indicators.py": "def mean(a: float) -> float:\n    return a / 2.0",
    "workbench/trading/engine.py": "ids = {1, 2}\nfor each in sorted(ids):\n    pass\nok = any(i > 1 for i in ids)",
    "workbench/risk/gate.py": "go = ApprovedOrder(order)",
    "workbench/connectors/paper.py": "isinstance(order, ApprovedOrder)",
    "workbench/runtime/build.py": "if mode == 'paper':\n    pass",
    "workbench/runtime/config.py": "yaml.safe_load(text)",
}


def test_what_the_promises_allow_is_let_through():
    assert [complaint for rule in RULES for complaint in rule(FINE)] == []


def test_every_exception_is_still_needed():
    sources = house()
    needed = set()
    for path, source in sources.items():
        tree = ast.parse(source)
        around = functions_around(tree)
        for node in ast.walk(tree):
            runs = isinstance(node, ast.Call) and dotted(node.func) == "exec"
            if runs or (pays(path) and _inexact(node)):
                needed.add(f"{path}::{around[node]}")
    assert {*NOT_MONEY, *RUNS_TEXT} <= needed
