"""The synchronous heart: events in, consequences out. No I/O, no clock, no thread."""
