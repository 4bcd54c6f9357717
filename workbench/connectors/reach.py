"""How far requests may go: to the hosts that are allowed, each request marked as it leaves us."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from socket import EAI_NONAME, AddressFamily, gaierror
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from workbench.connectors.sending import leaves

LOCAL = "127.0.0.1"


class Hosts(AbstractResolver):
    """Resolves the names it was given, each to a port on this machine, and refuses every other one.

    Whoever is pointed at a local exchange can thereby never reach a real one.
    """

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._ports = dict(ports)

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """Where the host is; raises gaierror for a host that is not allowed."""
        if host not in self._ports:
            allowed = ", ".join(self._ports) or "none"
            raise gaierror(EAI_NONAME, f"{host} is not among the hosts allowed here: {allowed}")
        return [
            ResolveResult(
                hostname=host, host=LOCAL, port=self._ports[host], family=AddressFamily.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


def open_session(*, hosts: Mapping[str, int] | None, ca_file: str) -> aiohttp.ClientSession:
    """A session that marks each request as its first byte leaves.

    With `hosts` only those names resolve, to their ports on this machine; None is the whole internet.
    `ca_file` is trusted instead of the usual authorities.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_leaves)
    connector = aiohttp.TCPConnector(
        resolver=None if hosts is None else Hosts(hosts),
        ssl=ssl.create_default_context(cafile=ca_file or None),
        use_dns_cache=hosts is None,
    )
    return aiohttp.ClientSession(connector=connector, trace_configs=[trace])


async def _leaves(*_: Any) -> None:
    leaves()
