"""Files that only their owner may read: tokens, keys and certificates of the local exchange."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> Path:
    """Writes a file with mode 0600, whole or not at all; its folder is made with mode 0700 if it is not there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)  # of a process with our number that was killed
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
