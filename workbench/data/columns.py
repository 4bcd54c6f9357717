"""Column types that keep money exact and time in UTC, whatever the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import NUMERIC, DateTime, Dialect, Text
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator, TypeEngine

from workbench.core.errors import DataError
from workbench.core.money import MAX_PLACES, canonical, dec, places_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unfit(DataError, DontWrapMixin):
    """A value that its column cannot hold exactly; nothing was written."""


class Exact(TypeDecorator[Decimal]):
    """An exact number of at most `digits` digits, `places` of them decimal places.

    Takes Decimal, int or text, refuses floats and anything it would have to round, and returns
    canonical Decimals. PostgreSQL holds NUMERIC; SQLite, whose NUMERIC is a float, holds text: there
    it compares as text, so order and sum these columns in Python.
    """

    impl = Text
    cache_ok = True

    def __init__(self, digits: int = 48, places: int = MAX_PLACES) -> None:
        super().__init__()
        self.digits = digits
        self.places = places

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(NUMERIC(self.digits, self.places))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        try:
            number = dec(value, "column")
        except DataError as error:
            raise Unfit(str(error)) from None
        if places_of(number) > self.places or abs(number) >= 10 ** (self.digits - self.places):
            raise Unfit(f"column: {number} does not fit {self.digits} digits with {self.places} decimal places")
        text = canonical(number)
        return Decimal(text) if dialect.name == "postgresql" else text

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        return Decimal(text.rstrip("0").rstrip(".") or "0") if "." in text else Decimal(text)


class Utc(TypeDecorator[datetime]):
    """An instant as a zone-aware datetime in UTC, to the microsecond; refuses datetimes without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise Unfit(f"column: expected a time with a zone, got {value.isoformat()}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(ns: int) -> datetime:
    """The datetime of an instant in UTC nanoseconds, rounded down to the microsecond."""
    return _EPOCH + timedelta(microseconds=ns // 1_000)
