"""The secret key of server-side calls, when none is set: made once, and kept in the data folder."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from edgewise.errors import SettingsError

log = logging.getLogger(__name__)


def kept_secret_key(data: Path) -> str:
    """The secret key that is kept in this data folder (which the caller holds); made when there is none.

    Raises:
        SettingsError: the file holds no key.
    """
    file = data / "secret-key"
    if not file.exists():
        _make(file)
        log.info("made a secret key for server-side calls: %s", file)
    else:
        log.info("the secret key for server-side calls is in %s", file)
    if not (key := file.read_text().strip()):
        raise SettingsError(
            f"{file}: found it empty, expected a secret key; remove the file, or set EDGEWISE_SECRET_KEY"
        )
    return key


def _make(file: Path) -> None:
    draft = file.with_name("secret-key.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(secrets.token_urlsafe(32) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    draft.rename(file)  # Whole or not at all.
