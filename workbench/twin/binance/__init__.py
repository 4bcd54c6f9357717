"""Binance spot as the local exchange speaks it: REST, market streams and the WebSocket API."""
