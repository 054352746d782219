"""Runs a command that does not outlive the process that asked for it, however suddenly that one dies.

    python -I -S leash.py SIGNAL PARENT LIFELINE COMMAND [ARGUMENT ...]

The command takes this process's place, so its process id, signals and exit status are the command's own. SIGNAL is what
it gets when process PARENT dies. LIFELINE is the reading end of a pipe whose writing end PARENT alone holds.

A script of its own, because between fork and exec a threaded parent must not run Python; with few imports, to be quick.
"""

from __future__ import annotations

import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    death_signal, parent, lifeline = (int(argument) for argument in sys.argv[1:4])
    command = sys.argv[4:]
    if sys.platform == "linux":
        ask_the_kernel(death_signal)
    else:
        leave_a_watcher(death_signal, lifeline)
    os.close(lifeline)
    if os.getppid() != parent:  # It died before the leash was on.
        sys.exit(f"leash: the parent {parent} is gone")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that would be inherited.
    os.execv(command[0], command)


def ask_the_kernel(death_signal: int) -> None:
    """Linux: the kernel sends the signal. This outlasts exec, but the kernel means the parent's *thread*."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        sys.exit(f"leash: prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")


def leave_a_watcher(death_signal: int, lifeline: int) -> None:
    """Elsewhere: a child of ours waits for the lifeline to end, and signals us; it leaves when we are gone."""
    leashed = os.getpid()
    if os.fork() != 0:
        return
    os.dup2(lifeline, 0)
    os.closerange(1, os.sysconf("SC_OPEN_MAX"))
    while os.getppid() == leashed:
        if select.select([0], [], [], 1.0)[0]:
            if os.getppid() == leashed:
                os.kill(leashed, death_signal)
            break
    os._exit(0)


if __name__ == "__main__":
    main()
