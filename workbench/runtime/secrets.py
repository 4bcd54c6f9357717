"""Where secrets come from: a reference in the configuration, resolved at the last moment, never written anywhere.

secret://env/BINANCE         BINANCE_API_KEY, BINANCE_API_SECRET and, where there is one, BINANCE_API_PASSPHRASE
secret://file/path/to/file   lines of `key=…`, `secret=…`, `passphrase=…`; nobody but its owner may read it
secret://keyring/NAME        the system's keyring, service NAME, users key, secret and passphrase
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from workbench.core.errors import ConfigError
from workbench.core.secret import Credentials, Secret

MAX_FILE = 10_000  # bytes; a key is a line


def resolve(reference: str, environment: Mapping[str, str] | None = None) -> Credentials:
    """The credentials that a reference names; raises ConfigError saying what is missing, never what is there."""
    kind, _, name = reference.removeprefix("secret://").partition("/")
    if not reference.startswith("secret://") or not name:
        raise ConfigError("credentials: expected a reference such as secret://env/BINANCE")
    if kind == "env":
        return _of(_environment(name, os.environ if environment is None else environment), reference)
    if kind == "file":
        return _of(_file(Path(name) if name.startswith(("./", "~")) else Path("/") / name), reference)
    if kind == "keyring":
        return _of(_keyring(name), reference)
    raise ConfigError(f"credentials: {kind!r} is not a place secrets are read from; there are env, file and keyring")


Lookup = Callable[[str], str | None]


def _of(look: Lookup, reference: str) -> Credentials:
    key, secret, passphrase = look("key"), look("secret"), look("passphrase")
    missing = [name for name, value in (("key", key), ("secret", secret)) if not value]
    if key is None or secret is None or missing:
        raise ConfigError(f"credentials: {reference} has no {' and no '.join(missing)}")
    return Credentials(Secret(key), Secret(secret), Secret(passphrase) if passphrase else None)


def _environment(name: str, environment: Mapping[str, str]) -> Lookup:
    return lambda what: environment.get(f"{name}_API_{what.upper()}")


def _file(path: Path) -> Lookup:
    path = path.expanduser()
    try:
        found = path.stat()
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"credentials: {path} can be read by others; chmod 600 it")
        if found.st_size > MAX_FILE:
            raise ConfigError(f"credentials: {path} is larger than {MAX_FILE} bytes")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"credentials: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"credentials: {path} is not text") from None
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}.get


def _keyring(name: str) -> Lookup:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise ConfigError("credentials: secret://keyring needs the package keyring to be installed") from None
    return lambda what: keyring.get_password(name, what)
