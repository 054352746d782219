"""Logging: one line a message, with its level, process and place. No personal data is ever logged."""

from __future__ import annotations

import logging
import sys
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
        for chatty in ("uvicorn", "httpx"):
            logging.getLogger(chatty).setLevel(logging.WARNING)


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
