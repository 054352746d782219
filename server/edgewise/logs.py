"""Logging: one line a message, with its level, process and place. No personal data is ever logged."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Hashable


def configure(verbose: bool) -> None:
    """Log to standard error, with debug messages if `verbose`."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s",
        force=True,
    )
    if not verbose:
        logging.getLogger("httpx").setLevel(logging.WARNING)
        # Its warnings are about malformed requests, which any stranger can send.
        logging.getLogger("uvicorn").setLevel(logging.ERROR)


class ThrottledLog:
    """Logs at most one warning in `interval` seconds, because strangers can cause it again and again.

    `template` has `%d` for the number of warnings since the last one, and `%s` for the reason of this one.
    """

    def __init__(self, log: logging.Logger, template: str, interval: float = 10.0) -> None:
        self._log = log
        self._template = template
        self._interval = interval
        self._count = 0
        self._silent_until = 0.0

    def report(self, reason: object, count: int = 1) -> None:
        self._count += count
        now = time.monotonic()
        if now >= self._silent_until:
            self._log.warning(self._template, self._count, reason)
            self._count, self._silent_until = 0, now + self._interval


class RepeatedErrorLog:
    """Logs an error once, even if a retry loop meets it again and again.

    It logs again after the loop succeeded, or when the error is a different one. `template` has one `%s`, for the
    error. Each `key` has its own last error, for a loop with several tasks.
    """

    def __init__(self, log: logging.Logger, template: str) -> None:
        self._log = log
        self._template = template
        self._last: dict[Hashable, str] = {}

    def report(self, error: Exception, key: Hashable = None) -> None:
        if self._last.get(key) != str(error):
            self._log.error(self._template, error)
        self._last[key] = str(error)

    def clear(self, key: Hashable = None) -> bool:
        """Forget the last error, after a success. Returns whether there was one."""
        return self._last.pop(key, None) is not None


class FaultLog:
    """Logs unexpected errors, each kind once while the process runs. `template` has one `%s`, for the description."""

    def __init__(self, log: logging.Logger, template: str) -> None:
        self._errors = RepeatedErrorLog(log, template)
        self._kinds: set[str] = set()

    def report(self, fault: Exception) -> None:
        kind = describe_fault(fault)
        if kind in self._kinds or len(self._kinds) < _MOST_FAULTS:
            self._kinds.add(kind)
            self._errors.report(RuntimeError(kind), kind)


def describe_fault(fault: Exception) -> str:
    """Describe an unexpected error by its type and place. Its message is left out, because it may quote a request."""
    frames: deque[str] = deque(maxlen=_FRAMES)
    trace = fault.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.appendleft(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{type(fault).__name__} at {' < '.join(frames)}"


_MOST_FAULTS = 100
_FRAMES = 5
