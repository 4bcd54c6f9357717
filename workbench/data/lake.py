"""The lake: a catalogue of exact datasets, every version kept under the hash of its content.

On disk it is one folder per id with one Parquet file per content, and a file `current` that names
the one an id stands for. Nothing is ever changed in place, so what a journal names by
(id, sha256) can always be read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from workbench.core.clock import Clock
from workbench.core.errors import ConfigError, DataError
from workbench.core.instrument import Instrument
from workbench.data import export
from workbench.data.dataset import Dataset
from workbench.data.intake import HORIZON, Request, default_id, file_sha256, read_dataset, request_text
from workbench.data.shelf import Label, is_stored, read_label, read_stored, write_dataset, write_whole

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SUFFIX = ".parquet"


class Lake:
    """Datasets under one folder, which is made when the first is written.

    A `clock`, if handed in, tells which bars lie in the future; without one only those from 2100 on are refused.
    """

    def __init__(self, root: Path, *, clock: Clock | None = None) -> None:
        self.root = Path(root)
        self._clock = clock

    def ls(self) -> list[Label]:
        """What an id stands for now, for every id in the lake and then every bundled sample, by id."""
        own = {folder.name for folder in self._folders()}
        labels = [self._label(self._current(name)) for name in sorted(own)]
        return labels + [_sample_label(name) for name in sample_ids() if name not in own]

    def import_file(
        self,
        path: Path | str,
        *,
        id: str | None = None,  # noqa: A002 - the name people give
        instrument: Instrument | str | None = None,
        interval: str | int | None = None,
        timeframe: str | None = None,
    ) -> Dataset:
        """Imports a csv, json or parquet file and makes it what its id stands for.

        The file's name gives venue, symbol and interval if it reads venue_market_SYMBOL_interval; else give
        `instrument` (or 'venue:BASE/QUOTE') and, where the smallest step is not it, `interval`. An unchanged
        file is not imported twice. Raises DataError naming file, row, column and value; the lake is then unchanged.
        """
        request = Request(instrument, interval, timeframe)
        return self.add(self._read(Path(path), id or "", request), replace=True)

    def open(
        self,
        id_or_path: str | Path,
        *,
        instrument: Instrument | str | None = None,
        interval: str | int | None = None,
        timeframe: str | None = None,
    ) -> Dataset:
        """The dataset of a catalogue id, of a bundled sample, or of a file (which is then kept in the lake too).

        Raises DataError that lists what there is.
        """
        name = str(id_or_path)
        if self._has(name):
            return read_stored(self._current(name))
        if name in sample_ids():
            return open_sample(name)
        if not Path(name).is_file():
            known = sorted({folder.name for folder in self._folders()} | set(sample_ids()))
            raise DataError(f"no dataset or file {name!r}; there is {', '.join(known)}")
        return self.add(self._read(Path(name), "", Request(instrument, interval, timeframe)), replace=False)

    def find(self, id: str, sha256: str) -> Dataset:  # noqa: A002
        """The very content that a journal names; raises DataError that lists the versions there are."""
        path = self.root / id / f"{sha256}{_SUFFIX}"
        if _ID.fullmatch(id) and re.fullmatch(r"[0-9a-f]{64}", sha256) and path.is_file():
            return read_stored(path)
        if id in sample_ids() and _sample_label(id).sha256 == sha256:
            return open_sample(id)
        versions = [each.stem[:12] for each in self._versions(id)]
        versions += [_sample_label(id).sha256[:12]] if id in sample_ids() else []
        raise DataError(f"no dataset {id} with content {sha256[:12]}…; there is {', '.join(versions) or 'none'}")

    def add(self, data: Dataset, *, replace: bool = True) -> Dataset:
        """Keeps a dataset under its content hash; `replace` makes it what its id stands for if another does.

        Raises ConfigError for an id that is no file name, or that stands for another instrument or interval.
        """
        if not _ID.fullmatch(data.id):
            raise ConfigError(f"dataset id: expected letters, digits, '.', '_' and '-' (at most 100), got {data.id!r}")
        known = self._label(self._current(data.id)) if self._has(data.id) else None
        if known and (known.kind, known.instrument.key, known.interval_ns) != (
            data.kind,
            data.instrument.key,
            data.interval_ns,
        ):
            raise ConfigError(f"{data.id}: stands for other {known.kind} of {known.instrument.key}; give another id=")
        path = self.root / data.id / f"{data.sha256}{_SUFFIX}"
        if not path.is_file():
            write_dataset(data, path)
        if known is None or (replace and known.sha256 != data.sha256):
            write_whole(path.parent / "current", lambda to: Path(to).write_text(f"{data.sha256}\n", encoding="ascii"))
        return data

    def export(self, id_or_path: str | Path, path: Path | str) -> Path:
        """Writes a dataset's exact numbers as .csv, .parquet or .jsonl, whole or not at all; returns the path."""
        return export.export(self.open(id_or_path), Path(path))

    def _read(self, path: Path, name: str, request: Request) -> Dataset:
        """The file's dataset: the stored one if this very file was imported with the same request before."""
        if not path.is_file():
            raise DataError(f"{path}: no such file")
        if is_stored(path):
            return read_stored(path)
        source, asked = file_sha256(path), request_text(request)
        for version in self._versions(name or default_id(path, request.timeframe or "")):
            seen = self._label(version).provenance
            if (seen.source_sha256, seen.request, seen.source) == (source, asked, path.name):
                return read_stored(version)
        return read_dataset(path, id=name, request=request, horizon=self._horizon())

    def _horizon(self) -> int:
        return self._clock.now() if self._clock else HORIZON

    def _folders(self) -> Iterator[Path]:
        found = self.root.iterdir() if self.root.is_dir() else ()
        return (folder for folder in found if self._has(folder.name))

    def _has(self, name: str) -> bool:
        return bool(_ID.fullmatch(name)) and (self.root / name / "current").is_file()

    def _versions(self, name: str) -> list[Path]:
        return sorted((self.root / name).glob(f"[0-9a-f]*{_SUFFIX}")) if _ID.fullmatch(name) else []

    def _current(self, name: str) -> Path:
        folder = self.root / name
        return folder / f"{(folder / 'current').read_text(encoding='ascii').strip()}{_SUFFIX}"

    def _label(self, path: Path) -> Label:
        label = read_label(path)
        if label is None:
            raise DataError(f"{path}: not a stored dataset")
        return label


def sample_ids() -> list[str]:
    """The ids of the datasets that come with the package."""
    folder = resources.files("workbench") / "samples"
    return sorted(each.name.removesuffix(_SUFFIX) for each in folder.iterdir() if each.name.endswith(_SUFFIX))


def open_sample(id: str) -> Dataset:  # noqa: A002
    """A dataset that comes with the package; raises DataError that lists them."""
    if id not in sample_ids():
        raise DataError(f"no bundled dataset {id!r}; there is {', '.join(sample_ids())}")
    with resources.as_file(_sample(id)) as path:
        return read_stored(path)


def _sample(name: str) -> Traversable:
    return resources.files("workbench") / "samples" / f"{name}{_SUFFIX}"


def _sample_label(name: str) -> Label:
    with resources.as_file(_sample(name)) as path:
        label = read_label(path)
    if label is None:
        raise DataError(f"{name}: the bundled file is not a stored dataset")
    return label
