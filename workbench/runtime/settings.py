"""`name=value` as people type it, read without guessing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from workbench.core.errors import ConfigError


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Each `name=value` by name: whole and decimal numbers, true and false are what they look like, else text.

    Raises ConfigError for a pair without `=`, an empty name, a name given twice or a value that is no scalar.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"parameter {pair!r}: expected name=value")
        if name in settings:
            raise ConfigError(f"parameter {name!r}: given twice")
        settings[name.strip()] = _scalar(name, text)
    return settings


def _scalar(name: str, text: str) -> bool | int | float | str:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(value, (bool, int, float)) and text.strip().lower() not in ("yes", "no", "on", "off"):
        return value
    return text
