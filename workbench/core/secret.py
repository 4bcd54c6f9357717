"""Secrets: values that nothing prints, logs, copies into text or writes to disk."""

from __future__ import annotations

from typing import Any, NoReturn

HIDDEN = "Secret(***)"


class Secret:
    """A value that only `reveal` shows: for the signer, at the moment of signing.

    repr, str and format show the same stars for every secret; copying by pickle or JSON is refused.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The value itself."""
        return self.__value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")


class Credentials:
    """An API key with its secret and, where the venue has one, its passphrase."""

    __slots__ = ("key", "passphrase", "secret")

    def __init__(self, key: Secret, secret: Secret, passphrase: Secret | None = None) -> None:
        self.key, self.secret, self.passphrase = key, secret, passphrase

    def __repr__(self) -> str:
        return "Credentials(***)"
