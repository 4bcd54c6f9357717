"""Where quants work: frames, backtests, statistics, charts. Never imported by a live process."""
