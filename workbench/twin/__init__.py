"""A local exchange on 127.0.0.1 that speaks real venues' REST and WebSocket dialects, with faults on demand."""
