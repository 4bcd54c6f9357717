"""A notebook's strategy cell as a module: a cell is a draft, a module is a promise."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.kernel import Kernel
from workbench.core.strategy import Strategy
from workbench.runtime.state import replace_text

TAG = "strategy"

_HEADER = '"""Written from the strategy cells of'


class _Metadata(msgspec.Struct):
    tags: list[str] = []


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str]
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Notebook(msgspec.Struct):
    cells: list[_Cell]


def strategy_in_notebook(notebook: Path) -> type[Strategy]:
    """The strategy class of the cells tagged `strategy`, imported from the module that is written from them.

    The module stands alone: it gets the tagged cells and nothing else of the notebook. Raises
    ConfigError where there is no such cell, it cannot be imported by itself, or holds not exactly one strategy.
    """
    source = tagged_source(notebook)
    name = re.sub(r"\W+", "_", notebook.stem).strip("_").lower()
    if not name.isidentifier():
        name = f"notebook_{name}"
    folder = home()
    path = folder / f"{name}.py"
    written = f'{_HEADER} {notebook.name}; edit them there."""\n\n{source}'
    before = path.read_text(encoding="utf-8") if path.exists() else None
    if before is not None and not before.startswith(_HEADER):
        raise ConfigError(f"{path}: was not written from strategy cells; give {notebook.name} another name")
    if before == written:
        return _only_strategy(path, ".".join([*folder.parts, name]))
    folder.mkdir(exist_ok=True)
    replace_text(path, written)
    try:
        return _only_strategy(path, ".".join([*folder.parts, name]))
    except ConfigError:
        path.unlink() if before is None else replace_text(path, before)
        raise


def home() -> Path:
    """Where modules of strategy cells live: with the shipped ones in a clone, else in `strategies/` here."""
    clone = Path("workbench") / "strategies"
    return clone if (clone / "__init__.py").is_file() else Path("strategies")


def tagged_source(notebook: Path) -> str:
    """The text of the cells tagged `strategy`, in order; raises ConfigError where there is none."""
    try:
        document = msgspec.json.decode(notebook.read_bytes(), type=_Notebook)
    except OSError as error:
        raise ConfigError(f"{notebook}: cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{notebook}: is not a notebook: {error}") from None
    chosen = ["".join(cell.source) for cell in document.cells if cell.cell_type == "code" and TAG in cell.metadata.tags]
    if not chosen:
        raise ConfigError(f"{notebook}: no code cell is tagged {TAG!r}; tag the one that defines the strategy")
    source = "\n\n".join(chosen).rstrip() + "\n"
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise ConfigError(f"{notebook}: strategy cell, line {error.lineno}: {error.msg}") from None
    return source


def _only_strategy(path: Path, module_name: str) -> type[Strategy]:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    sys.modules.pop(module_name, None)
    try:
        module = importlib.import_module(module_name)
    except NameError as error:
        raise ConfigError(f"{path}: {error}; a strategy cell must import what it uses and read no other cell") from None
    except Exception as error:  # the cell is the user's: whatever it raises is about it
        raise ConfigError(f"{path}: importing it raises {type(error).__name__}: {error}") from error
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module_name]
    found: list[type[Strategy]] = [value for value in own if inspect.isclass(value) and issubclass(value, Strategy)]
    found += [value.strategy for value in own if isinstance(value, Kernel)]
    if len(found) != 1:
        names = ", ".join(each.__name__ for each in found) or "none"
        raise ConfigError(f"{path}: expected exactly one strategy class or kernel, found {names}")
    return found[0]
