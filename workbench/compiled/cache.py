"""Generated modules on disk, one folder for each content, so that machine code is found again and never stale.

numba finds machine code by the file and the time of the function that it belongs to, and does not
notice an edited callee: so the whole closure of what is compiled names the folder.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from types import ModuleType

from workbench.core.errors import ConfigError

MOST_KEPT = 200  # folders, a few hundred kilobytes each; the least recently used goes first
_SEAL = "seal.json"
_LOADING = threading.RLock()  # a module that another thread is still running is not there yet


def load(name: str, source: str, closure: str) -> ModuleType:
    """The module with this text, imported from the cache folder of `closure` (hex digits).

    What numba has kept beside it is used only where it is what `seal` saw.
    """
    if not (name.isidentifier() and closure.isalnum()):
        raise ConfigError(f"cache: expected a name and hex digits, got {name!r} and {closure!r}")
    with _LOADING:
        return _loaded(f"workbench_{name}_{closure}", source, closure)


def _loaded(module_name: str, source: str, closure: str) -> ModuleType:
    if module_name in sys.modules:
        return sys.modules[module_name]
    folder = root() / closure
    path = folder / f"{module_name}.py"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _holds(path, source):
        _forget_machine_code(folder)
        _replace(path, source)
    elif not _is_sealed(folder):
        _forget_machine_code(folder)
    os.utime(folder)
    _remove_oldest(folder)
    return _imported(module_name, path)


def reload(module: ModuleType) -> ModuleType:
    """The module without any machine code on disk: for what cannot be read although it is sealed."""
    path = Path(str(module.__file__))
    _forget_machine_code(path.parent)
    return _imported(module.__name__, path)


def seal(module: ModuleType) -> None:
    """Notes the machine code that now lies beside the module, to be compared when it is loaded next."""
    folder = Path(str(module.__file__)).parent
    _replace(folder / _SEAL, json.dumps(_hashes(folder), indent=0, sort_keys=True))


@cache
def root() -> Path:
    """Where modules are kept: WORKBENCH_CACHE, else the user's cache; a private folder where neither can be written."""
    chosen = os.environ.get("WORKBENCH_CACHE")
    folder = (Path(chosen) if chosen else _users_cache() / "workbench") / "kernels"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="workbench-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder.resolve()


def _users_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home())
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _imported(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _holds(path: Path, source: str) -> bool:
    try:
        return path.read_bytes() == source.encode()
    except OSError:
        return False


def _replace(path: Path, text: str) -> None:
    """Whole or not at all, whoever writes at the same time."""
    handle, part = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
    os.replace(part, path)


def _machine_code(folder: Path) -> list[Path]:
    return sorted(each for each in (folder / "__pycache__").glob("*.nb?") if each.is_file())


def _hashes(folder: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in _machine_code(folder)}


def _is_sealed(folder: Path) -> bool:
    """Whether all that was sealed is there as it was; what came later, from another process, is left to its seal."""
    try:
        sealed = json.loads((folder / _SEAL).read_text())
        found = _hashes(folder)
        return all(found.get(name) == digest for name, digest in sealed.items())
    except FileNotFoundError:
        return True  # nobody has sealed it yet
    except (OSError, ValueError, AttributeError):
        return False


def _forget_machine_code(folder: Path) -> None:
    for each in [*_machine_code(folder), folder / _SEAL]:
        each.unlink(missing_ok=True)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)


def _remove_oldest(used: Path) -> None:
    folders = sorted((each for each in root().iterdir() if each != used), key=_age)
    for each in folders[: max(0, len(folders) + 1 - MOST_KEPT)]:
        shutil.rmtree(each, ignore_errors=True)


def _age(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # removed by another process meanwhile
        return 0.0
