"""What the accounts of a live run hold, as a journal tells it: the venue's first answer, moved by every trade since."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from workbench.core.account import Booked, Position
from workbench.core.events import AccountSnapshot, Discrepancy, FundingEvent
from workbench.core.holdings import PLACES, ROUNDING, add, moves, units
from workbench.core.instrument import Instrument, account_key
from workbench.core.ledger import Ledger
from workbench.core.money import to_scaled


class Held(msgspec.Struct):
    """One account's assets; `gaps` is by how much the venue's last answer differed."""

    assets: dict[str, int] = {}
    gaps: dict[str, int] = {}
    seen: bool = False


class Holdings:
    """Follows all that moves the assets of every account; amounts are in units of 10^-54."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[str, Held] = {}
        self._positions: dict[str, Position] = {}

    def seen(self) -> Mapping[str, Mapping[str, int]]:
        """What each account holds of which asset, for the accounts whose venue has answered."""
        return {account: held.assets for account, held in sorted(self._held.items()) if held.seen}

    def traded(self, fill: Booked) -> None:
        """A fill was booked, ours or another's."""
        assets = self._of(fill.instrument.account_key).assets
        for asset, amount in moves(fill, self._position, self._ledger.cash_places).items():
            add(assets, asset, amount)

    def funded(self, funding: FundingEvent) -> None:
        """Funding was settled."""
        instrument = funding.instrument
        assets = self._of(instrument.account_key).assets
        add(assets, instrument.quote, units(funding.amount_raw, instrument.fee_places))

    def answered(self, snapshot: AccountSnapshot) -> None:
        """The venue says what the account holds: the first answer counts, later ones are compared with."""
        held = self._of(account_key(snapshot.venue, snapshot.account))
        if not snapshot.balances:
            return
        theirs = {asset: to_scaled(total, PLACES, asset) for asset, total in snapshot.balances.items()}
        if held.seen:
            slack = {each.quote: ROUNDING for each in self._ledger.instruments.values() if not each.is_spot}
            gaps = {asset: theirs.get(asset, 0) - held.assets.get(asset, 0) for asset in {**theirs, **held.assets}}
            held.gaps = {asset: gap for asset, gap in gaps.items() if abs(gap) > slack.get(asset, 0)}
        else:
            held.assets, held.seen = theirs, True  # all that moved before it is in it

    def told(self, difference: Discrepancy) -> None:
        """A difference was told: that of an asset no position is held in was taken over, as an outside transfer."""
        account = account_key(difference.venue, difference.account)
        own = {each.base for each in self._ledger.instruments.values() if each.account_key == account and each.is_spot}
        if difference.kind == "balance" and difference.what not in own:
            self._accept(self._of(account), difference.what)

    def rearmed(self) -> None:
        """A person has looked: the venues' word counts from here on."""
        for held in self._held.values():
            for asset in list(held.gaps):
                self._accept(held, asset)

    @staticmethod
    def _accept(held: Held, asset: str) -> None:
        add(held.assets, asset, held.gaps.pop(asset, 0))

    def _of(self, account: str) -> Held:
        return self._held.setdefault(account, Held())

    def _position(self, instrument: Instrument) -> Position:
        if instrument.key not in self._positions:
            self._positions[instrument.key] = Position(instrument, self._ledger.terms[instrument.key])
        return self._positions[instrument.key]
