"""How the threads of PyTorch and llama.cpp wait for each other."""

from __future__ import annotations

import os


def let_waiting_threads_sleep() -> None:
    """Ask OpenMP for threads that sleep while they wait, unless the user asked otherwise; call it before any import.

    PyTorch and llama.cpp share one OpenMP, which reads the variable once. Threads that spin starve the one that they
    wait for as soon as anything else runs (docs/decisions/007-threads.md).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
