"""Runs a command that ends when its parent process dies, even if the parent is killed.

    python -I -S parent_watch.py SIGNAL PARENT LIFELINE COMMAND [ARGUMENT ...]

The command replaces this process, so process id, signals and exit status are the command's own. It gets SIGNAL when
process PARENT dies. LIFELINE is the reading end of a pipe. Only PARENT holds its writing end.

A threaded parent must not run Python between fork and exec, so this is a separate script. Few imports keep it fast.
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
        request_death_signal(death_signal)
    else:
        fork_watcher(death_signal, lifeline)
    os.close(lifeline)
    if os.getppid() != parent:  # It died before this process could watch it.
        sys.exit(f"parent_watch: the parent {parent} is gone")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores SIGPIPE, and the command would inherit that.
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"parent_watch: Cannot run {command[0]}: {error.strerror}")


def request_death_signal(death_signal: int) -> None:
    """Linux: the kernel sends the signal when the parent's thread ends. The request survives exec."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        sys.exit(f"parent_watch: prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")


def fork_watcher(death_signal: int, lifeline: int) -> None:
    """Other systems: fork a watcher that waits for the lifeline to close and then signals this process."""
    watched = os.getpid()
    if os.fork() != 0:
        return
    os.dup2(lifeline, 0)
    os.closerange(1, os.sysconf("SC_OPEN_MAX"))
    while os.getppid() == watched:
        if select.select([0], [], [], 1.0)[0]:
            if os.getppid() == watched:
                os.kill(watched, death_signal)
            break
    os._exit(0)


if __name__ == "__main__":
    main()
