"""API keys: whose they are, what they may do, and from where."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.secret import Secret


class Permission(StrEnum):
    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"


READ_AND_TRADE = frozenset({Permission.READ, Permission.TRADE})


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of an account; `addresses` are the only ones it works from, none means any."""

    key: str
    secret: Secret
    account: str
    permissions: frozenset[Permission] = READ_AND_TRADE
    addresses: tuple[str, ...] = ()
    revoked: bool = False
    created: int = 0
    passphrase: Secret = Secret("")  # where the venue asks for one; none that is empty fits

    @property
    def ip_restricted(self) -> bool:
        return bool(self.addresses)

    def permits(self, permission: Permission, address: str) -> bool:
        """Whether it may be used for this, from there."""
        return not self.revoked and permission in self.permissions and (not self.addresses or address in self.addresses)


class Keys:
    """All keys of the exchange, by their public text."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        """Lets a key in; raises ConfigError where its text is taken."""
        if key.key in self._keys:
            raise ConfigError(f"API key {key.key!r} exists already")
        self._keys[key.key] = key

    def find(self, text: str) -> ApiKey | None:
        """The key of that text, revoked or not."""
        return self._keys.get(text)

    def of(self, account: str) -> list[ApiKey]:
        """The keys of an account, oldest first."""
        return [each for each in self._keys.values() if each.account == account]

    def revoke(self, text: str) -> ApiKey:
        """From now on the key is refused; raises ConfigError where there is none."""
        return self._change(text, revoked=True)

    def restore(self, text: str) -> ApiKey:
        """A revoked key works again."""
        return self._change(text, revoked=False)

    def restrict(
        self,
        text: str,
        *,
        permissions: frozenset[Permission] | None = None,
        addresses: tuple[str, ...] | None = None,
    ) -> ApiKey:
        """Changes what a key may do, or where from; None leaves it as it is."""
        key = self._known(text)
        return self._change(
            text,
            permissions=key.permissions if permissions is None else frozenset(map(Permission, permissions)),
            addresses=key.addresses if addresses is None else addresses,
        )

    def _change(self, text: str, **what: object) -> ApiKey:
        self._keys[text] = msgspec.structs.replace(self._known(text), **what)
        return self._keys[text]

    def _known(self, text: str) -> ApiKey:
        key = self._keys.get(text)
        if key is None:
            raise ConfigError(f"API key {text!r}: expected one of {', '.join(sorted(self._keys)) or 'none'}")
        return key
