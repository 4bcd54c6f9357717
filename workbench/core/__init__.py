"""The words and rules everything else is built from: no I/O, no clock, no third-party numerics."""
