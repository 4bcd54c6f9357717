"""Fixtures that more than one room needs."""

from tests.services.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
