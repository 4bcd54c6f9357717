"""`workbench exchange`: a local exchange on 127.0.0.1 that real clients trade on, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from workbench.cli.output import AsJson, emit, lines
from workbench.cli.root import app
from workbench.core.clock import SECOND
from workbench.core.errors import ConfigError
from workbench.core.secret import Secret
from workbench.runtime.lease import Lease
from workbench.twin.admin import Admin
from workbench.twin.opening import ACCOUNTS
from workbench.twin.private import write_private
from workbench.twin.schedule import read_schedule
from workbench.twin.server import LocalExchange
from workbench.twin.tls import issue

TOKEN_BYTES = 32  # of chance: nobody guesses it
LONGEST_SCHEDULE = 1 << 20  # bytes: a thousand faults are far from a megabyte
LOCAL = ("localhost", "127.0.0.1")


@app.command("exchange")
def exchange(
    port: Annotated[int, typer.Option("--port", help="0: any that is free.", min=0, max=65_535)] = 0,
    admin_port: Annotated[int, typer.Option("--admin-port", help="Of the back door; as above.", min=0, max=65_535)] = 0,
    dialect: Annotated[str, typer.Option("--dialect", help="Whose words it speaks.")] = "binance",
    world: Annotated[str | None, typer.Option("--world", help="synthetic, or replay:FILE. Default: nobody.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the world and of the faults.")] = 0,
    faults: Annotated[Path | None, typer.Option("--faults", help="A YAML list of what goes wrong, and when.")] = None,
    state: Annotated[Path | None, typer.Option("--state", help="Keep orders and balances in this folder.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https and wss, with a throw-away authority.")] = False,
    speed: Annotated[float, typer.Option("--speed", help="Times real time, of its timers and its world.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Runs a local exchange in the foreground: real clients trade on it, faults are a request away."""
    schedule = _text_of(faults)
    with ExitStack() as held:
        folder = state if state is not None else Path(held.enter_context(TemporaryDirectory(prefix="exchange-")))
        held.enter_context(Lease(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        twin = LocalExchange(
            dialect=dialect,
            port=port,
            world=world,
            seed=seed,
            journal=None if state is None else folder / "exchange.jsonl",
            speed=speed,
            tls=context,
        )
        twin.faults.add_all(read_schedule(schedule, now=twin.clock.now(), source=str(faults)) if faults else [])
        shown = {"dialect": dialect, "world": world, "seed": seed, "state": None if state is None else str(state)}
        if context is not None:
            shown["authority"] = _certify(twin, context, folder)
        asyncio.run(_until_stopped(twin, folder, shown, admin_port=admin_port, as_json=as_json))


async def _until_stopped(
    twin: LocalExchange, folder: Path, shown: dict[str, Any], *, admin_port: int, as_json: bool
) -> None:
    """Serves until SIGTERM or SIGINT; the token that opens the back door goes with it."""
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    token = Secret(secrets.token_urlsafe(TOKEN_BYTES))
    admin, file = Admin(twin, token), folder / "admin.token"
    try:
        async with twin:
            admin_url = await admin.open(admin_port)
            write_private(file, token.reveal().encode())
            _say(_document(twin, shown, admin=admin_url, token=file), as_json=as_json)
            await stopped.wait()
            await admin.close()
    except OSError as error:
        if error.filename is not None:
            raise
        raise ConfigError(f"cannot listen on 127.0.0.1: {error.strerror}") from None
    finally:
        file.unlink(missing_ok=True)


def _say(document: dict[str, Any], *, as_json: bool) -> None:
    """One document as soon as clients may come; who waits for it reads a pipe."""
    emit(document, as_json=as_json, text=lines(document))
    sys.stdout.flush()


def _document(twin: LocalExchange, shown: dict[str, Any], *, admin: str, token: Path) -> dict[str, Any]:
    urls = {"rest": twin.rest_url, "streams": twin.stream_url, "admin": admin, "admin_token_file": str(token)}
    return {**urls, "keys": {each.key: each.name for each in ACCOUNTS}, "pid": os.getpid(), **shown}


def _certify(twin: LocalExchange, context: ssl.SSLContext, folder: Path) -> str:
    """Gives the server a certificate for the venue's own names; the file that clients must trust."""
    papers = issue([*twin.hosts, *LOCAL], folder / "tls", now=twin.clock.now() // SECOND * SECOND)
    context.load_cert_chain(papers.certificate, papers.key)
    return str(papers.authority)


def _text_of(schedule: Path | None) -> str:
    if schedule is None:
        return ""
    if schedule.stat().st_size > LONGEST_SCHEDULE:
        raise ConfigError(f"{schedule}: expected a schedule of at most {LONGEST_SCHEDULE} bytes")
    try:
        return schedule.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{schedule}: expected UTF-8 text: {error.reason} at byte {error.start}") from None
