"""The lock on a workspace: one holder, known by name; freed with its process; a run shows that it is alive."""

import signal
import subprocess
import sys
import threading

import pytest

from pipeline import lock
from pipeline.lock import LockError, held, is_alive, shown_alive

HOLD = (
    "import sys, time; from pathlib import Path; from pipeline.lock import held, shown_alive\n"
    "with shown_alive(Path(sys.argv[1]), 'r1'), held(Path(sys.argv[1]), 'other run'): print('held', flush=True);"
    " time.sleep(60)\n"
)


def test_another_thread_waits_and_is_told_who_holds_it_and_since_when(tmp_path):
    said, order = [], []

    def second():
        with held(tmp_path, "second", tell=said.append):
            order.append("second")

    with held(tmp_path, "first"), held(tmp_path, "first again"):
        waiting = threading.Thread(target=second)
        waiting.start()
        while not said:
            waiting.join(0.01)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    (line,) = said
    assert "first, process " in line
    assert " since 2" in line


def test_a_process_that_is_killed_frees_it_and_is_not_alive_any_more(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert is_alive(tmp_path, "r1")
        with pytest.raises(LockError, match="other run, process"), held(tmp_path, "me", may_wait=False):
            pass
        process.send_signal(signal.SIGSTOP)
        assert is_alive(tmp_path, "r1"), "a run that is stopped has not ended"
        process.kill()
    assert not is_alive(tmp_path, "r1")
    with held(tmp_path, "me", may_wait=False):
        pass


def test_a_run_that_has_ended_leaves_nothing(tmp_path):
    assert not is_alive(tmp_path, "r1")
    with shown_alive(tmp_path, "r1"):
        pass
    assert [path.name for path in (tmp_path / lock.FOLDER).iterdir()] == []


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(LockError, match=r"Function not implemented.*local disk"), held(tmp_path, "me"):
        pass
