"""Kernels and the rule book as machine code: the only room that knows numba."""
