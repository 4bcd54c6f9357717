"""The parameters of a runner notebook: typed in its `parameters` cell, checked before a kernel starts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pydantic

from workbench.core.errors import ConfigError

TAG = "parameters"

_TYPES: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list[str]": list[str],
    "dict[str, str]": dict[str, str],
}
_REFERENCE = "secret://"
_SECRET_NAME = re.compile(r"(?i)(secret|password|passphrase|token|api_?key|private_?key)")
_SECRET_TEXT = re.compile(  # a pair inside a text, or a PEM file
    rf"{_SECRET_NAME.pattern}\w*['\"]?\s*[=:](?!//|\s*['\"]?{_REFERENCE})|-----BEGIN"
)
_LONG_WORD = re.compile(r"[A-Za-z0-9+=]{32,}")  # exchanges issue keys of 32 characters and more
_HEX = re.compile(r"[0-9a-fA-F]+")
_KINDS_OF_CHARACTER = ("[a-z]", "[A-Z]", "[0-9]")


class Declared(msgspec.Struct, frozen=True):
    """One parameter as its notebook declares it."""

    kind: Any
    default: Any


def tagged(cells: Sequence[Mapping[str, Any]], tag: str) -> list[Mapping[str, Any]]:
    """The cells that carry a tag, in order."""
    return [cell for cell in cells if tag in cell.get("metadata", {}).get("tags", [])]


def in_force(cells: Sequence[Mapping[str, Any]], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Every parameter of the notebook with the value it will run with: the given ones over the defaults.

    A parameter is declared as `name: type = default  # help` in the one cell tagged `parameters`; a notebook
    without such a cell takes none. Raises ConfigError naming a parameter that does not exist, has the wrong
    type, or would write a secret into the executed notebook; no message repeats a secret.
    """
    declared = _declared(cells, where)
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ConfigError(f"{where}: unknown parameter {unknown[0]!r}; it has {', '.join(declared) or 'none'}")
    for name, value in given.items():
        if _is_secret(name, value):
            raise ConfigError(f"{where}: {name}: looks like a secret, and parameters are kept; refer to it: secret://…")
    values = {name: each.default for name, each in declared.items()}
    values.update({name: _as_text(value, declared[name].kind) for name, value in given.items()})
    fields: dict[str, Any] = {name: (each.kind, ...) for name, each in declared.items()}
    model = pydantic.create_model("Parameters", __config__=pydantic.ConfigDict(strict=True), **fields)
    try:
        settings: dict[str, Any] = model.model_validate(values).model_dump()
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise ConfigError(f"{where}: {name}: {first['msg']}, got {values[name]!r}") from None
    return settings


def _as_text(value: Any, kind: Any) -> Any:
    """A command line cannot tell 10000 the text from 10000 the number: text parameters take both."""
    return str(value) if kind is str and type(value) in (int, float) else value


def _declared(cells: Sequence[Mapping[str, Any]], where: str) -> dict[str, Declared]:
    found = tagged(cells, TAG)
    if len(found) > 1:
        raise ConfigError(f"{where}: expected one cell tagged {TAG!r}, found {len(found)}")
    try:
        body = ast.parse("".join(found[0]["source"])).body if found else []
    except SyntaxError as error:
        raise ConfigError(f"{where}: line {error.lineno} of its parameters: {error.msg}") from None
    declared: dict[str, Declared] = {}
    for node in body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name) or node.value is None:
            raise ConfigError(f"{where}: line {node.lineno} of its parameters: expected name: type = default")
        name, kind = node.target.id, ast.unparse(node.annotation)
        if kind not in _TYPES:
            raise ConfigError(f"{where}: {name}: expected one of {', '.join(_TYPES)}, got {kind}")
        try:
            declared[name] = Declared(_TYPES[kind], ast.literal_eval(node.value))
        except ValueError:
            raise ConfigError(f"{where}: {name}: expected a plain value as its default") from None
    return declared


def _is_secret(name: str, value: Any) -> bool:
    """Whether a parameter would put a secret on paper: by its name, or by what its texts look like."""
    texts = [text for text in _texts(value) if not text.startswith(_REFERENCE)]
    return any(_SECRET_NAME.search(name) or _looks_secret(text) for text in texts)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from (f"{name}={text}" for text in _texts(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    else:
        yield str(value)


def _looks_secret(text: str) -> bool:
    """A named secret, a private key, or a long word as no person writes it: hex, or of mixed characters."""
    words = _LONG_WORD.findall(text)
    return bool(_SECRET_TEXT.search(text)) or any(
        _HEX.fullmatch(word) or all(re.search(kind, word) for kind in _KINDS_OF_CHARACTER) for word in words
    )
