"""Releases: a strategy's code, parameters and budget under the name of their own hash.

A release is a folder `<name>-<12 digits>` with `release.json`, the strategy's own modules under
`source/`, and `evidence/` written by the gates it passed. The id covers code (by syntax),
parameters, bounds, instruments and budget; evidence comes and goes without changing it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import msgspec

from workbench.core.codec import text
from workbench.core.errors import ConfigError, CorruptState, Refused
from workbench.core.kernel import Kernel
from workbench.core.strategy import Strategy
from workbench.risk.budgets import Budget
from workbench.runtime.source import source_closure, syntax

FORMAT = 1
STAGES = ("paper", "live")

_NAME = re.compile(r"[a-z0-9_]{1,60}")
_ID = re.compile(rf"{_NAME.pattern}-[0-9a-f]{{12}}")


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was promoted; everything here but the name goes into the id."""

    name: str
    entry: str  # module:Class inside `source/`
    sources: dict[str, str]  # module -> sha256 of its syntax
    parameters: dict[str, Any]
    bounds: dict[str, Any]  # JSON schema of the parameters
    instruments: tuple[str, ...]
    budget: Budget = Budget()
    format: int = FORMAT

    @property
    def id(self) -> str:
        """The name with the first digits of the hash of all that decides what the release does."""
        return f"{self.name}-{hashlib.sha256(text(self).encode()).hexdigest()[:12]}"


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gates of one stage saw."""

    stage: str
    gates: tuple[dict[str, Any], ...]
    data: tuple[dict[str, Any], ...]
    metrics: dict[str, Any]
    ledger_digest: str
    workbench: str  # the version whose gates these were


def describe(
    kind: type[Strategy], *, parameters: Mapping[str, Any], instruments: tuple[str, ...], budget: Budget
) -> Release:
    """The release that promoting this strategy class would make."""
    closure = source_closure(kind.__module__)
    if kind.__module__ not in closure:
        raise ConfigError(f"strategy {kind.__qualname__}: its module {kind.__module__} has no source file")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()
    if not _NAME.fullmatch(name):
        raise ConfigError(f"strategy {kind.__name__}: a release is named after it; expected up to 60 ASCII letters")
    return Release(
        name=name,
        entry=f"{kind.__module__}:{kind.__name__}",
        sources={name: _syntax_hash(path) for name, path in sorted(closure.items())},
        parameters=dict(parameters),
        bounds=msgspec.json.schema(kind.Parameters),
        instruments=instruments,
        budget=budget,
    )


def write(release: Release, evidence: Evidence, releases: Path) -> Path:
    """Writes the release, whole or not at all, and its evidence; an existing release is kept as it is."""
    folder = releases / release.id
    releases.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        part = Path(tempfile.mkdtemp(prefix=".release-", dir=releases))
        try:
            for name, path in source_closure(release.entry.partition(":")[0]).items():
                target = _file_of(part / "source", name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            (part / "evidence").mkdir()
            (part / "release.json").write_text(text(release) + "\n", encoding="utf-8")
            part.chmod(0o755)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    verify(folder)
    part_file = folder / "evidence" / f".{evidence.stage}.json"
    part_file.write_text(text(evidence) + "\n", encoding="utf-8")
    part_file.rename(folder / "evidence" / f"{evidence.stage}.json")
    return folder


def find(name: str, releases: Path) -> Path:
    """The folder of a release id, of a path to it or its release.json, or of the only id that begins so."""
    direct = Path(name).parent if Path(name).name == "release.json" else Path(name)
    if name and (direct / "release.json").is_file():
        return direct.resolve()
    known = sorted(each.parent for each in releases.glob("*/release.json"))
    found = [each for each in known if name and each.name.startswith(name)]
    if len(found) != 1:
        have = ", ".join(each.name for each in known) or "none"
        raise ConfigError(f"release {name!r}: {'ambiguous' if found else 'not found'} in {releases}; there is {have}")
    return found[0]


def verify(folder: Path, *, stage: str | None = None) -> Release:
    """The release in a folder, every source checked against it.

    Raises CorruptState where anything was changed, Refused where it was not promoted to `stage`.
    """
    try:
        release = msgspec.json.decode((folder / "release.json").read_bytes(), type=Release, strict=False)
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptState(f"{folder}: release.json cannot be read: {error}") from None
    if release.id != folder.name or not _ID.fullmatch(folder.name):
        raise CorruptState(f"{folder}: its content is that of {release.id}")
    for module, digest in release.sources.items():
        path = _file_of(folder / "source", module)
        if not path.is_file() or not _is_source(path, digest):
            raise CorruptState(f"{path}: is not the source that was released")
    if stage is not None and not (folder / "evidence" / f"{stage}.json").is_file():
        raise Refused(f"release {release.id} was not promoted to {stage}; run: workbench promote ... --to {stage}")
    return release


def tried_on(folder: Path, *, stage: str) -> tuple[str, ...]:
    """The market data that the release was promoted to a stage on, as topics such as `bars:1h`; none if it is old."""
    file = folder / "evidence" / f"{stage}.json"
    try:
        evidence = msgspec.json.decode(file.read_bytes(), type=Evidence)
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptState(f"{file}: cannot be read: {error}") from None
    return tuple(dict.fromkeys(each["topic"] for each in evidence.data if each.get("topic")))


def load(folder: Path, *, stage: str | None = None) -> tuple[Release, type[Strategy]]:
    """A verified release and its strategy class, loaded from the copies inside it.

    An edited working copy never stands in for a released module, and the released ones do not stay
    behind for others to import.
    """
    release = verify(folder, stage=stage)
    module_name, _, name = release.entry.partition(":")
    source = (folder / "source").resolve()
    finder = _Released({each: _file_of(source, each) for each in release.sources})
    replaced = _take_out(release.sources)
    sys.meta_path.insert(0, finder)
    sys.path.append(str(source))  # for packages that hold released modules and nothing else
    try:
        found = getattr(importlib.import_module(module_name), name)
        kind: type[Strategy] = found.strategy if isinstance(found, Kernel) else found
        _resolve(kind, release.parameters)
    finally:
        sys.path.remove(str(source))
        sys.meta_path.remove(finder)
        _take_out(release.sources)
        _put_back(replaced)
    return release, kind


def _take_out(modules: Iterable[str]) -> dict[str, ModuleType]:
    """Forgets imported modules, also as names in their packages, and returns them."""
    taken = {each: sys.modules.pop(each) for each in modules if each in sys.modules}
    for name in taken:
        package, _, child = name.rpartition(".")
        if hasattr(sys.modules.get(package), child):
            delattr(sys.modules[package], child)
    return taken


def _put_back(taken: Mapping[str, ModuleType]) -> None:
    for name, module in taken.items():
        package, _, child = name.rpartition(".")
        sys.modules[name] = module
        if package in sys.modules:
            setattr(sys.modules[package], child, module)


def _resolve(kind: type[Strategy], parameters: Mapping[str, Any]) -> None:
    """Has annotations written as text read now: later, their module cannot be looked up by its name."""
    kind.Parameters.__annotations__ = get_type_hints(kind.Parameters, include_extras=True)
    strategy = kind(**parameters)
    strategy.set_state(strategy.get_state())


class _Released(MetaPathFinder):
    """Finds exactly the modules of one release."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname not in self._files:
            return None
        return importlib.util.spec_from_file_location(fullname, self._files[fullname])


def _file_of(source: Path, module: str) -> Path:
    return source / Path(*module.split(".")).with_suffix(".py")


def narrowed(release: Release, parameters: Mapping[str, Any], kind: type[Strategy]) -> dict[str, Any]:
    """The release's parameters with a run's own on top; raises Refused outside the release's bounds."""
    chosen = {**release.parameters, **parameters}
    try:
        kind(**chosen)
    except ConfigError as error:
        raise Refused(f"release {release.id}: {error}") from None
    return chosen


def _is_source(path: Path, digest: str) -> bool:
    try:
        return _syntax_hash(path) == digest
    except (SyntaxError, ValueError):  # not even Python, or not even text
        return False


def _syntax_hash(path: Path) -> str:
    return hashlib.sha256(syntax(path.read_text(encoding="utf-8"))).hexdigest()
