"""Shipped strategies, one file each; they see `core` only."""
