"""Logging: one line a message, with its level, process and place. No personal data is ever logged."""

from __future__ import annotations

import logging
import sys


def configure(verbose: bool) -> None:
    """Log to standard error; details too when `verbose`."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s",
        force=True,
    )
    if not verbose:
        for chatty in ("uvicorn", "httpx"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
