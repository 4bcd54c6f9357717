"""Venues as a configuration names them: their connectors, what is listened to, and how long a request may linger."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from workbench.connectors.ccxt_exchange import CcxtWire
from workbench.connectors.clock import VenueTime
from workbench.connectors.dialect import Dialect
from workbench.connectors.dialects.binance import BinanceDialect
from workbench.connectors.dialects.generic import GenericDialect
from workbench.connectors.dialects.okx import OkxDialect
from workbench.connectors.silence import Silence
from workbench.connectors.venue import VenueConnector
from workbench.connectors.wirelog import WireLog
from workbench.core.clock import Clock
from workbench.core.errors import ConfigError, Refused
from workbench.core.instrument import Instrument, account_key
from workbench.core.ports import ExchangeConnector
from workbench.core.secret import Credentials
from workbench.runtime.config import PAPER, Config, VenueConfig
from workbench.runtime.secrets import resolve

DIALECTS: Mapping[str, Callable[[], Dialect]] = {"binance": BinanceDialect, "okx": OkxDialect}

MILLISECOND = 1_000_000
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SAFE, PLAIN = ("https", "wss"), ("http", "ws")
_PORTS = {"https": 443, "http": 80}
_AMBIGUOUS = re.compile(r"[\s\\]")  # clients do not agree on where a URL with one of these leads


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector of one's own is made with: `package.module:Class` is called with this and nothing else."""

    venue: str
    account: str
    exchange: str
    symbols: tuple[str, ...]
    credentials: Credentials | None = None
    rest_url: str = ""
    stream_url: str = ""


class Reach(msgspec.Struct, frozen=True):
    """An account at a venue within reach of a run; a request may be booked for `validity_ns` after it was sent."""

    key: str
    account: str
    connector: ExchangeConnector
    validity_ns: int


def reaches(
    config: Config,
    *,
    clock: Clock,
    folder: Path,
    orders: bool = True,
    instruments: Sequence[Instrument] = (),
    credentials: str | None = None,
    keys: Credentials | None = None,
) -> list[Reach]:
    """A connector for every venue that the strategies trade on; raises ConfigError or Refused naming the entry.

    With `orders` off they carry market data only and need no key. `instruments` fix the precision of a run that began
    before; `credentials` replaces every venue's own reference, `keys` is the key itself.
    """
    wanted = wanted_symbols(config)
    _check_entries(config, list(wanted))
    keyed = _keyed(config, list(wanted), credentials=credentials, keys=keys) if orders else {}
    return [
        _reach(
            name,
            config.venues[name],
            symbols=symbols,
            clock=clock,
            folder=folder,
            orders=orders,
            instruments=[each for each in instruments if each.account_key == name],
            keys=keyed.get(name),
        )
        for name, symbols in wanted.items()
    ]


def named_venues(config: Config) -> list[str]:
    """The venues of a configuration that somebody can be reached at; raises ConfigError where there is none."""
    names = [name for name, settings in config.venues.items() if settings.connector != PAPER]
    if not names:
        raise ConfigError("venues: there is none in the configuration; give --config")
    return names


def counter(
    config: Config,
    name: str,
    *,
    clock: Clock,
    folder: Path,
    instruments: Sequence[Instrument] = (),
    symbols: Sequence[str] | None = None,
    credentials: str | None = None,
) -> Reach:
    """A connector for requests alone, whoever trades there: nothing is listened to. `credentials` replaces its key.

    It is for `symbols`, by default those of the instruments.
    """
    here = [each for each in instruments if each.account_key == name]
    _check_entries(config, [name])
    keyed = _keyed(config, [name], credentials=credentials)
    return _reach(
        name,
        config.venues[name],
        symbols=tuple(each.symbol for each in here) if symbols is None else tuple(symbols),
        clock=clock,
        folder=folder,
        orders=True,
        instruments=here,
        keys=keyed.get(name),
        listen=False,
    )


def hears_venues(config: Config) -> bool:
    """Whether any venue of a configuration has market data of its own."""
    return any(each.connector != "paper" for each in config.venues.values())


def wanted_symbols(config: Config) -> dict[str, tuple[str, ...]]:
    """The symbols traded at each venue, by account key; a symbol without a venue needs exactly one to be configured."""
    wanted: dict[str, dict[str, None]] = {}
    for strategy in config.strategies:
        for symbol in strategy.symbols:
            venue, _, plain = symbol.partition(":")
            if venue not in config.venues and "/" in venue:  # it is the symbol's own beginning
                venue, plain = _only_venue(config, strategy.id, symbol), symbol
            if venue not in config.venues:
                known = ", ".join(sorted(config.venues)) or "none"
                raise ConfigError(f"strategies.{strategy.id}.symbols: {symbol!r}: no venue {venue!r}; there is {known}")
            wanted.setdefault(venue, {})[plain] = None
    return {venue: tuple(symbols) for venue, symbols in wanted.items()}


def _only_venue(config: Config, strategy_id: str, symbol: str) -> str:
    if len(config.venues) != 1:
        raise ConfigError(
            f"strategies.{strategy_id}.symbols: {symbol!r}: say on which venue, such as 'binance:{symbol}'"
        )
    return next(iter(config.venues))


def check_venues(config: Config) -> None:
    """Raises ConfigError or Refused for a venue that no order could be sent to; nothing is opened or written."""
    wanted = list(wanted_symbols(config))
    _check_entries(config, wanted)
    _keyed(config, wanted)
    for name in wanted:
        settings = config.venues[name]
        if settings.connector == "ccxt":
            _dialect(name, settings.exchange or name.partition("/")[0], settings, orders=True)


def _keyed(
    config: Config, names: Sequence[str], *, credentials: str | None = None, keys: Credentials | None = None
) -> dict[str, Credentials]:
    """The key of every venue that orders are sent to; raises ConfigError where two of them are one account.

    Two books of one account would each take the other's trades for a stranger's, and each spend its whole limit.
    """
    found: dict[str, Credentials] = {}
    entries: dict[tuple[str, str, bytes], str] = {}
    for name in names:
        settings = config.venues[name]
        found[name] = keys or _key_of(name, credentials or settings.credentials)
        account = (settings.exchange or name.partition("/")[0], *_account_at(settings.rest_url, found[name]))
        if account in entries:
            raise ConfigError(
                f"venues.{name}: it is the same account as venues.{entries[account]}: the exchange, address and key "
                f"are the same; give each entry an account of its own, or trade both strategies on one"
            )
        entries[account] = name
    return found


def _account_at(url: str | None, key: Credentials) -> tuple[str, bytes]:
    # A digest tells two keys apart and is nothing that a traceback with its variables could give away.
    return _address(url), hashlib.sha256(key.key.reveal().encode()).digest()


def _key_of(name: str, reference: str | None) -> Credentials:
    if reference is None:
        example = name.partition("/")[0].upper()
        raise ConfigError(f"venues.{name}.credentials: trading needs a key; name one, such as secret://env/{example}")
    return resolve(reference)


def _reach(
    name: str,
    settings: VenueConfig,
    *,
    symbols: tuple[str, ...],
    clock: Clock,
    folder: Path,
    orders: bool,
    instruments: Sequence[Instrument],
    keys: Credentials | None,
    listen: bool = True,
) -> Reach:
    venue, _, account = name.partition("/")
    account = account or "main"
    exchange = settings.exchange or venue
    if settings.connector != "ccxt":
        own = VenueSettings(
            venue=venue,
            account=account,
            exchange=exchange,
            symbols=symbols,
            credentials=keys,
            rest_url=settings.rest_url or "",
            stream_url=settings.stream_url or "",
        )
        connector, window_ns = _own(name, settings.connector, own), 0
    else:
        dialect = _dialect(name, exchange, settings, orders=orders)
        window_ns = dialect.recv_window_ns
        time = VenueTime()
        wire = CcxtWire(
            exchange,
            credentials=keys,
            rest_url=settings.rest_url or "",
            stream_url=settings.stream_url or "",
            ca_file=settings.ca_file or "",
            recv_window_ms=settings.recv_window_ms,
            clock_offset=lambda: time.offset_ns,
            now=clock.now,
        )
        own_name = name.replace("/", "-")
        secrets = [each for each in (keys.key, keys.secret, keys.passphrase) if each] if keys else []
        log = WireLog(folder / f"wire-{own_name}.log", secrets=secrets)
        connector = VenueConnector(
            venue,
            account,
            wire=wire,
            dialect=dialect,
            symbols=symbols,
            clock=clock,
            log=log,
            time=time,
            instruments={each.key: each for each in instruments},
            private=orders,
            listens=listen,
            spill=folder / f"spill-{own_name}",
            silence=Silence(folder / f"silence-{own_name}"),
        )
    validity = max(settings.recv_window_ms * MILLISECOND, window_ns) + settings.max_accept_delay_ms * MILLISECOND
    return Reach(account_key(venue, account), account, connector, validity)


def _dialect(name: str, exchange: str, settings: VenueConfig, *, orders: bool) -> Dialect:
    if exchange in DIALECTS:
        return DIALECTS[exchange]()
    if orders and not settings.allow_unverified:
        raise Refused(
            f"venues.{name}: nobody has verified trading on {exchange}; "
            f"set allow_unverified: true to trade there all the same"
        )
    return GenericDialect(exchange)


def _check_entries(config: Config, names: Sequence[str]) -> None:
    for name in names:
        settings = config.venues[name]
        if settings.connector == PAPER:
            raise ConfigError(
                f"venues.{name}.connector: 'paper' has no market data of its own; "
                f"name ccxt or package.module:Class, or stored data to play back"
            )
        for url in (settings.rest_url, settings.stream_url):
            _check_url(name, url)


def _check_url(name: str, url: str | None) -> None:
    if not url:
        return
    scheme, host = _parts(url)
    if not host or scheme not in SAFE + PLAIN:
        raise ConfigError(f"venues.{name}: {url!r} is no address; expected one such as https://… or wss://…")
    if scheme in PLAIN and host not in LOOPBACK:
        raise ConfigError(f"venues.{name}: {url}: plain http and ws reach this machine only; use https and wss")


def _parts(url: str) -> tuple[str, str]:
    """The scheme and host of a URL; both empty where it cannot be told for certain."""
    try:
        found = urlsplit(url)
        _ = found.port  # raises ValueError for what is no port
    except ValueError:
        return "", ""
    return ("", "") if _AMBIGUOUS.search(url) else (found.scheme, found.hostname or "")


def _address(url: str | None) -> str:
    """Host and port of a URL, however it is spelt; empty for the exchange's own."""
    if not url:
        return ""
    found = urlsplit(url)
    host = LOOPBACK[0] if found.hostname in LOOPBACK else found.hostname
    return f"{host}:{found.port or _PORTS.get(found.scheme)}"


def host_of(url: str) -> str:
    """The host that a URL names, without its port."""
    return urlsplit(url).hostname or ""


def _own(name: str, entry: str, settings: VenueSettings) -> ExchangeConnector:
    module_name, _, class_name = entry.partition(":")
    if not class_name:
        raise ConfigError(f"venues.{name}.connector: expected ccxt, paper or package.module:Class, got {entry!r}")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except ModuleNotFoundError as error:
        raise ConfigError(f"venues.{name}.connector: {entry!r}: no module {error.name!r}") from None
    if not (inspect.isclass(found) and issubclass(found, ExchangeConnector)):
        raise ConfigError(f"venues.{name}.connector: {entry!r} is no ExchangeConnector")
    make: Callable[[VenueSettings], ExchangeConnector] = found
    return make(settings)
