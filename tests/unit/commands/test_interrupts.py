"""An interrupted command ends with one line and the usual exit code; other errors stay what they are."""

import os
import signal

import pytest
import typer

from commands.interrupts import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("as_error", [False, True])
def test_a_signal_is_one_line_and_an_exit_code(capsys, number, as_error):
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as ended, interruptible("interrupted."):
        _killed(number, as_error=as_error)
    assert ended.value.exit_code == 128 + number
    assert capsys.readouterr().err == "Error: interrupted.\n"
    assert signal.getsignal(signal.SIGTERM) == handler


def _killed(number, *, as_error):
    try:
        os.kill(os.getpid(), number)
    except KeyboardInterrupt:
        if as_error:  # as a library may make of it
            raise ValueError("Query interrupted") from None
        raise


def test_an_error_without_a_signal_is_not_an_interruption():
    with pytest.raises(ValueError, match="broken"), interruptible("interrupted."):
        raise ValueError("broken")
