"""`name=value` as people type it, read without guessing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from workbench.core.errors import ConfigError

_WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUTH = {"true": True, "false": False}


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Each `name=value` by name: whole and decimal numbers, true and false are what they look like, else text.

    Raises ConfigError for a pair without `=`, an empty name or a name given twice.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ConfigError(f"parameter {pair!r}: expected name=value")
        if name in settings:
            raise ConfigError(f"parameter {name!r}: given twice")
        settings[name] = _scalar(text)
    return settings


def _scalar(text: str) -> bool | int | float | str:
    word = text.strip()
    if word.lower() in _TRUTH:
        return _TRUTH[word.lower()]
    if _WHOLE.fullmatch(word):
        return int(word)
    if _DECIMAL.fullmatch(word) and math.isfinite(float(word)):
        return float(word)
    return text
