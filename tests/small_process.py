"""Loaded before all else in each process that runs tests: it takes one thread, for the processes share the processors.

Processes that a test starts have all threads, as those of users: an order that depends on threads is seen there.
"""

import gc
import os

gc.set_threshold(50_000)  # as the command `permille` does
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["POLARS_MAX_THREADS"] = "1"

import polars as pl  # noqa: E402  reads the variable when it makes its pool

pl.thread_pool_size()
del os.environ["POLARS_MAX_THREADS"]
