"""TLS on loopback is checked like anywhere: the names, the authority, and who may read the files."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

import pytest

from workbench.core.errors import ConfigError
from workbench.twin.private import write_private
from workbench.twin.tls import Papers, issue

HOSTS = ("api.binance.com", "stream.binance.com", "127.0.0.1")


def greet(papers: Papers, context: ssl.SSLContext, name: str) -> bytes:
    """What a client hears that connects to 127.0.0.1 as if it were `name`."""

    async def play() -> bytes:
        async def welcome(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        server = await asyncio.start_server(welcome, "127.0.0.1", 0, ssl=papers.server())
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
            try:
                return await reader.read()
            finally:
                writer.close()

    return asyncio.run(play())


def test_a_client_that_trusts_the_authority_is_served_under_each_name(tmp_path: Path):
    papers = issue(HOSTS, tmp_path / "tls", now=time.time_ns())
    for name in HOSTS:
        assert greet(papers, papers.client(), name) == b"hello"


def test_a_client_refuses_a_name_that_is_not_in_the_certificate(tmp_path: Path):
    papers = issue(HOSTS, tmp_path / "tls", now=time.time_ns())
    with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname mismatch"):
        greet(papers, papers.client(), "api.example.com")


def test_a_client_that_does_not_know_the_authority_refuses(tmp_path: Path):
    papers, other = (issue(HOSTS, tmp_path / each, now=time.time_ns()) for each in "ab")
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(papers, other.client(), "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(papers, ssl.create_default_context(), "127.0.0.1")


def test_the_files_are_their_owners_alone_and_no_authority_key_is_among_them(tmp_path: Path):
    papers = issue(HOSTS, tmp_path / "tls", now=time.time_ns())
    assert {each.name for each in (tmp_path / "tls").iterdir()} == {"authority.pem", "certificate.pem", "key.pem"}
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / "tls").iterdir()} == {0o600}
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    assert b"PRIVATE" in papers.key.read_bytes()
    assert b"PRIVATE" not in papers.authority.read_bytes()


def test_a_certificate_is_for_somebody(tmp_path: Path):
    with pytest.raises(ConfigError, match="at least one host name"):
        issue((), tmp_path / "tls", now=time.time_ns())
    assert not (tmp_path / "tls").exists()


def test_a_private_file_is_private_even_where_one_was_open_to_all(tmp_path: Path):
    path = tmp_path / "token"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["token"]
