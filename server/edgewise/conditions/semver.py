"""Software versions in the order of GrowthBook's SDKs."""

from __future__ import annotations

import re
from typing import Any

from edgewise.conditions import coercion

_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+)*(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]*)?")
_PARTS = re.compile(r"[-.]")


def order_key(version: Any) -> str:
    """A text that sorts like its version: "1.9.0" before "1.10.0", "2.0.0-rc.1" before "2.0.0".

    The order ignores everything after a "+". A number counts as its text, and any other value as "0".
    """
    if coercion.kind(version) == "number":
        version = coercion.text(version)
    if not isinstance(version, str) or not version:
        version = "0"
    parts = _PARTS.split(version.removeprefix("v").partition("+")[0])
    if len(parts) == 3:
        parts.append("~")  # It sorts after every letter, so a release comes after its pre-releases.
    return "-".join(part.rjust(5) if part.isascii() and part.isdigit() else part for part in parts)


def is_version(version: Any) -> bool:
    """Whether this is a version such as `1.2.3`, `v2.0.0-rc.1` or `1.2.3+build.7`."""
    return isinstance(version, str) and _VERSION.fullmatch(version) is not None
