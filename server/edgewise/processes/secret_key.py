"""The secret key of server-side calls. Without a configured one, the first start creates it in the data folder."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from edgewise.errors import SettingsError
from edgewise.secret_strength import check_secret

log = logging.getLogger(__name__)


def load_or_create_secret_key(data: Path) -> str:
    """The secret key in the data folder. The caller holds the folder's lock.

    Raises:
        SettingsError: the file of the key is empty, or its key is easy to guess.
    """
    file = data / "secret-key"
    if not file.exists():
        _create(file)
        log.info("Created a secret key for server-side calls in %s.", file)
    else:
        log.info("The secret key for server-side calls is in %s.", file)
    if not (key := file.read_text("utf-8-sig").strip()):
        raise SettingsError(f"{file}: Missing secret key. Remove this empty file, or set EDGEWISE_SECRET_KEY.")
    try:
        return check_secret(key)
    except ValueError as error:
        raise SettingsError(f"{file}: {error}") from error


def _create(file: Path) -> None:
    draft = file.with_name("secret-key.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(secrets.token_urlsafe(32) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    draft.rename(file)  # A crash leaves either no key or a whole one.
