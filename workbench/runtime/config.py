"""Configuration as people write it: YAML files that overlay each other, one schema, no unknown key.

Exact numbers are written as text ("0.001"); a float is refused. Every error names the file, the
path inside it and what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from workbench.core.errors import ConfigError, DataError
from workbench.core.money import dec

MAX_FILE = 1_000_000  # bytes; a configuration is written by a person
MAX_DEPTH = 20  # maps inside maps; the schema has five, and YAML can hold a map that contains itself
PAPER = "paper"  # the connector of a venue that is simulated: nobody is there to be asked
EXACT_PATTERN = r"^[+-]?(\d+(\.\d*)?|\.\d+)$"


def _exact(value: Any) -> Decimal:
    try:
        return dec(value)
    except DataError as error:
        raise ValueError(str(error)) from None


Exact = Annotated[
    Decimal,
    BeforeValidator(_exact),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": EXACT_PATTERN}, {"type": "integer"}]}),
]
Amount = Annotated[Exact, Field(ge=0)]
Step = Annotated[Exact, Field(gt=0)]
Fee = Annotated[Exact, Field(ge=Decimal("-0.5"), le=Decimal("0.5"))]  # of a trade's worth; below zero a rebate
Fraction = Annotated[Exact, Field(ge=0, le=1)]
SecretReference = Annotated[str, Field(pattern=r"^secret://(env|file|keyring|vault|aws|gcp)/.+$")]


# Often enough for a fault to be found in a test, and at least once a day: a longer wait is a check turned off.
Seconds = Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)]


def _plain_account(name: str) -> str:
    venue, _, account = name.partition("/")
    if account == "main":
        raise ValueError(f"{name!r} is the main account, which is named by its venue alone: {venue!r}")
    return name


_WORD = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}"  # files are named after it: no dot in front
VenueName = Annotated[str, Field(pattern=f"^{_WORD}(/{_WORD})?$"), AfterValidator(_plain_account)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class InstrumentConfig(_Section):
    """An instrument's terms, where the built-in table does not know them or is to be overruled."""

    tick: Step
    lot: Step
    min_quantity: Amount = Decimal(0)
    min_notional: Amount = Decimal(0)
    contract_size: Step = Decimal(1)
    fee_currency: Literal["quote", "received"] = "quote"


class CostsConfig(_Section):
    """What the simulated venue charges and assumes."""

    maker_fee: Fee = Decimal("0.001")
    taker_fee: Fee = Decimal("0.001")
    slippage_bps: Amount = Decimal(0)
    latency_ms: int = Field(default=0, ge=0)
    volume_share: Annotated[Exact, Field(gt=0, le=1)] = Decimal(1)


class VenueConfig(_Section):
    """How a venue is reached."""

    connector: str = PAPER  # or ccxt, or package.module:Class
    exchange: str | None = None  # as ccxt names it; default: the venue's own name
    rest_url: str | None = None
    stream_url: str | None = None
    credentials: SecretReference | None = None
    ca_file: str | None = None  # whose signature a local server's certificate carries
    recv_window_ms: int = Field(default=5000, ge=1, le=60_000)  # no venue takes more
    max_accept_delay_ms: int = Field(default=10_000, ge=0, le=600_000)  # an order is UNKNOWN for as long
    allow_unverified: bool = False
    instruments: dict[str, InstrumentConfig] = {}


class BudgetConfig(_Section):
    """What one strategy may put at risk."""

    quote: Amount | None = None
    max_drawdown: Fraction | None = None
    rebalance_band: Fraction | None = None


class StrategyConfig(_Section):
    """One strategy of a run: a release, or in development a `module:name`."""

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,50}$")
    release: str | None = None
    strategy: str | None = None
    symbols: list[str] = Field(min_length=1)
    parameters: dict[str, bool | int | float | str] = {}
    budget: BudgetConfig = BudgetConfig()
    cash: Amount | None = None  # what it may use; default: an equal share of `cash`
    on: list[Annotated[str, Field(pattern=r"^(trades|quotes|book(:[1-9]\d{0,3})?|bars:[1-9]\d{0,5}[smhdw])$")]] = []
    isolation: Literal["inline", "process"] = "inline"


class RiskConfig(_Section):
    """The limits of the run; what is not named has no limit.

    `max_position_notional` holds for each strategy in each instrument: two strategies may hold it twice between them.
    What others hold on the account counts against each.
    """

    max_order_notional: Amount | None = None
    max_position_notional: Amount | None = None
    max_orders_per_minute: int | None = Field(default=None, ge=1)
    max_rejections_per_minute: int | None = Field(default=None, ge=1)
    price_collar: Fraction | None = None
    max_data_age_s: Amount | None = None
    max_drawdown: Fraction | None = None
    allowed_symbols: list[str] | None = None


class StoreConfig(_Section):
    """Where the database is; without a URL, a SQLite file in the state directory."""

    url: str | None = None


class BusConfig(_Section):
    """How events reach other processes."""

    transport: Literal["memory"] = "memory"


class LiveConfig(_Section):
    """The second switch that live trading needs."""

    enabled: bool = False
    on_stop: Literal["keep", "flatten"] = "keep"  # what becomes of positions when the process is told to end


class ReconcileConfig(_Section):
    """How often our books are compared with a venue's while nothing is amiss, in seconds."""

    orders_s: Seconds = 60.0
    trades_s: Seconds = 60.0
    balances_s: Seconds = 300.0


class SnapshotConfig(_Section):
    """How often a live run writes down where it stands, in seconds: what a restart has to read again at most."""

    every_s: Seconds = 10.0


class WatchdogConfig(_Section):
    """The kill switch's own key."""

    credentials: SecretReference | None = None


class DataConfig(_Section):
    """Stored data that a paper run plays back."""

    dataset: str
    start: str | None = None
    end: str | None = None
    speed: float = Field(default=1.0, ge=0)  # 0: as fast as it goes


class Config(_Section):
    """Everything a run can be told."""

    environment: Literal["dev", "staging", "prod"] = "dev"
    base_currency: str = Field(default="USDT", pattern=r"^[^\s/:]{1,20}$")  # as in a symbol
    cash: Amount = Decimal(10_000)
    venues: dict[VenueName, VenueConfig] = Field(default={}, json_schema_extra={"additionalProperties": False})
    strategies: list[StrategyConfig] = []
    data: list[DataConfig] = []
    costs: CostsConfig = CostsConfig()
    risk: RiskConfig = RiskConfig()
    live: LiveConfig = LiveConfig()
    reconcile: ReconcileConfig = ReconcileConfig()
    snapshot: SnapshotConfig = SnapshotConfig()
    watchdog: WatchdogConfig = WatchdogConfig()
    store: StoreConfig = StoreConfig()
    bus: BusConfig = BusConfig()


def load(files: Sequence[Path]) -> Config:
    """The configuration of files that overlay each other in order: maps merge, everything else replaces."""
    merged: dict[str, Any] = {}
    origins: dict[tuple[str, ...], Path] = {}
    for file in files:
        _overlay(merged, _read(file), file, (), origins)
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(each, origins, files) for each in error.errors())) from None


def venues_text(config: Config) -> str:
    """The part of a configuration that says how venues are reached, as a file that `load` reads."""
    return config.model_dump_json(exclude_unset=True, include={"environment", "base_currency", "venues", "watchdog"})


def schema() -> dict[str, Any]:
    """The JSON schema of a configuration file."""
    return Config.model_json_schema()


class _Words(yaml.SafeLoader):
    """Safe YAML in which only true and false are that: `on` is a key here, and yes and no are words."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in its parent, which is not changed
        first: [each for each in found if not (each[0].endswith(":bool") and first in "yYnNoO")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_FILE:
            raise ConfigError(f"{file}: larger than {MAX_FILE} bytes is not a configuration")
        content = _Words(file.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no text, or a date there is not
        raise ConfigError(f"{file}: is not YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: expected a map of settings, got {type(content).__name__}")
    return content


def _overlay(
    base: dict[str, Any],
    over: dict[str, Any],
    file: Path,
    path: tuple[str, ...],
    origins: dict[tuple[str, ...], Path],
) -> None:
    if len(path) > MAX_DEPTH:
        raise ConfigError(f"{file}: {'.'.join(path[:5])}…: maps are nested deeper than {MAX_DEPTH}")
    for key, value in over.items():
        here = (*path, str(key))
        origins[here] = file
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _overlay(base[key], value, file, here, origins)
        elif isinstance(value, dict):
            base[key] = {}
            _overlay(base[key], value, file, here, origins)
        else:
            base[key] = value


def _explain(error: Any, origins: dict[tuple[str, ...], Path], files: Sequence[Path]) -> str:
    path = tuple(str(part) for part in error["loc"])
    known = next((origins[path[:n]] for n in range(len(path), 0, -1) if path[:n] in origins), None)
    where = known or (files[-1] if files else "configuration")
    what = "is not a known key" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    return f"{where}: {'.'.join(path)}: {what}"
