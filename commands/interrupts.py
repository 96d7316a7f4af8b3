"""Interrupting a command (Ctrl-C, SIGTERM): one line and the usual exit code, no traceback."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from commands.common import fail


@contextmanager
def interruptible(said: str) -> Iterator[None]:
    """Ends the command with a line, and 128 plus the signal's number, where a signal has interrupted what it did."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Dagster has signal handlers of its own while it runs: which signal came is read from here.
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    pipe_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    handler_before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except BaseException:
        try:
            received = [number for number in os.read(reading, 64) if number in (signal.SIGINT, signal.SIGTERM)]
        except BlockingIOError:
            received = []
        if not received:
            raise
        fail(said, 128 + received[-1])
    finally:
        signal.set_wakeup_fd(pipe_before)
        signal.signal(signal.SIGTERM, handler_before)
        os.close(reading)
        os.close(writing)
