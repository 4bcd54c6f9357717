"""Kernels that trade run as machine code where it can be made, and as plain Python where not."""

from __future__ import annotations

import os
from importlib.util import find_spec

from workbench.core.errors import ConfigError
from workbench.core.kernel_strategy import KernelStrategy
from workbench.core.strategy import Strategy

CHOICE = "WORKBENCH_KERNELS"  # machine (where numba is installed), or python


def in_machine_code(strategy: Strategy) -> Strategy:
    """The strategy; a kernel's, compiled unless WORKBENCH_KERNELS=python or numba is missing."""
    if not isinstance(strategy, KernelStrategy):
        return strategy
    choice = os.environ.get(CHOICE, "machine")
    if choice not in ("machine", "python"):
        raise ConfigError(f"{CHOICE}: expected machine or python, got {choice!r}")
    if choice == "machine" and find_spec("numba") is not None:
        from workbench.compiled.attach import attach  # numba: only where a kernel asks for it

        attach(strategy)
    return strategy
