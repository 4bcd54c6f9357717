"""What trading costs on the simulated venue, and how pessimistic it is."""

from __future__ import annotations

import msgspec

from workbench.core import rules
from workbench.core.errors import ConfigError
from workbench.core.money import to_text

# Half of the worth: beyond it a rounded fee could cost more than the sale brings.
MAX_RATE = rules.RATE // 2


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What trading costs and how pessimistic the simulated venue is.

    Rates and the volume share count parts of 10^8; a negative fee rate is a rebate. Raises
    ConfigError for a figure that is no whole number or out of bounds.
    """

    name: str = "plain"
    maker_rate: int = 100_000
    taker_rate: int = 100_000
    slippage_rate: int = 0
    latency_ns: int = 0  # from our decision to the venue's book, on event time
    volume_share: int = rules.RATE  # how much of a bar's or trade's volume we may take

    def __post_init__(self) -> None:
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if type(value) is not int or value < low or (high is not None and value > high):
                upper = "" if high is None else f" to {high}"
                raise ConfigError(
                    f"profile {self.name}: {name}: expected a whole number from {low}{upper}, got {value!r}"
                )

    def assumptions(self) -> tuple[str, ...]:
        """One sentence per assumption, to be printed with every result."""
        slippage = to_text(self.slippage_rate, 4)
        return (
            f"Taker fee {to_text(self.taker_rate, 8)}, maker fee {to_text(self.maker_rate, 8)}, "
            "half up to the fee currency's smallest unit.",
            f"A market order fills at the next bar's open or later, slipped {slippage} bps to the tick against us.",
            "What a fill leads to, a protective stop too, is at the venue from the next bar on.",
            "A resting limit fills only when price trades strictly through it, at its limit, as maker.",
            "A stop triggers on touch and fills at the worse of open and stop, slipped, as taker.",
            "Inside a bar the worse path counts: stops before limits, and of resting buys and sells the losing side.",
            f"Our orders together take at most {to_text(self.volume_share, 6)}% of a bar's or trade's volume, "
            "and what stands in a quote or book.",
            f"Orders, amendments and cancels reach the venue {to_text(self.latency_ns, 6)} ms after the decision.",
            "Spot cash and holdings never go below zero; what cash does not cover expires.",
            "Perpetuals are held on cross margin: an order must leave the initial margin of position and open orders "
            "within equity; funding is paid at the rates and times in the data, and none where there are none.",
            "Below the maintenance margin, at the mark or else at a bar's worst price, all orders are cancelled and "
            "positions are closed whole at the worse price, slipped, as taker; nobody loses more than the account.",
            "Our trading does not move the market.",
        )


_BOUNDS: tuple[tuple[str, int, int | None], ...] = (
    ("maker_rate", -MAX_RATE, MAX_RATE),
    ("taker_rate", -MAX_RATE, MAX_RATE),
    ("slippage_rate", 0, MAX_RATE),
    ("latency_ns", 0, None),
    ("volume_share", 1, rules.RATE),
)
