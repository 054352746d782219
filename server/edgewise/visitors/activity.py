"""An act: one thing that a visitor did, as far as a profile remembers it."""

from __future__ import annotations

from typing import Any, NamedTuple

from edgewise.types import Digest, Milliseconds
from edgewise.visitors.message import Kind
from edgewise.visitors.products import Commerce
from edgewise.visitors.sources import Source


class Surroundings(NamedTuple):
    """The device, language, time zone and part of the day that a message tells of; None where it does not."""

    device: str | None = None
    locale: str | None = None
    timezone: str | None = None
    part: str | None = None


NOWHERE = Surroundings()


class Act(NamedTuple):
    """One thing that a visitor did, at a time of the server's clock. `ids` are all that it says of who it was.

    `page` is the type or category of the page that was viewed, `seen` what an impression is told of: a placement and,
    if the message names it, the action there.
    """

    kind: Kind
    name: str | None
    at: Milliseconds
    message: Digest
    ids: tuple[Digest, ...] = ()
    commerce: Commerce | None = None
    page: str | None = None
    source: Source | None = None
    surroundings: Surroundings = NOWHERE
    traits: dict[str, Any] | None = None
    seen: tuple[str, ...] = ()
