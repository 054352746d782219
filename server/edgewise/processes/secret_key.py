"""The secret key of server-side calls. Without a configured one, the first start creates it in the data folder."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from edgewise.errors import SettingsError
from edgewise.secret_strength import check_secret
from edgewise.system_errors import describe_system_error

log = logging.getLogger(__name__)


def load_or_create_secret_key(data: Path) -> str:
    """The secret key in the data folder. The caller holds the folder's lock.

    Raises:
        SettingsError: the file of the key cannot be read or written, is empty, or its key is easy to guess.
    """
    file = data / "secret-key"
    try:
        if not file.exists():
            _create(file)
            log.info("Created a secret key for server-side calls in %s.", file)
        else:
            log.info("The secret key for server-side calls is in %s.", file)
        key = file.read_text("utf-8-sig").strip()
    except OSError as error:
        raise SettingsError(f"{describe_system_error(error)} Or set EDGEWISE_SECRET_KEY.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: Expected a text, found other bytes. Remove the file for a new key.") from error
    if not key:
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
