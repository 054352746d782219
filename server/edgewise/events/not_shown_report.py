"""Page views that kept the default content of a placement, as pages report them.

Such a report names a placement and a reason, and no visitor. It needs no consent, and nothing learns from it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import NamedTuple

from edgewise.events.parser import MessageRejected
from edgewise.events.store_batch import StoreBatch
from edgewise.ids.visitor import message_digest
from edgewise.serving.served_site import ServedSite
from edgewise.store import Store
from edgewise.types import NOT_SHOWN_REASONS, Digest, NotShownReason, PolicyRef
from edgewise.visitors.message import Message
from edgewise.wall_clock import now_ms

log = logging.getLogger(__name__)

EVENT = "$notShown"


class NotShownView(NamedTuple):
    """One page view. `message` identifies its report."""

    ref: PolicyRef
    reason: NotShownReason
    message: Digest


def is_report(message: Message) -> bool:
    return message.event == EVENT and message.type == "track"


def read_report(site: ServedSite, message: Message) -> NotShownView:
    """Read a report.

    Raises:
        MessageRejected: the placement or the reason is unknown.
    """
    properties = message.properties
    name = None if properties is None else properties.placement
    placement = site.placements.get(name) if isinstance(name, str) else None
    if placement is None:
        raise MessageRejected("invalid_message", "properties.placement: Unknown placement. Name one of the site.")
    found = None if properties is None else properties.reason
    for reason in NOT_SHOWN_REASONS:
        if found == reason:
            digest = message_digest(message.message_id) if message.message_id else os.urandom(8)
            return NotShownView(placement.ref, reason, digest)
    expected = ", ".join(NOT_SHOWN_REASONS)
    raise MessageRejected("invalid_message", f"properties.reason: Unknown reason. Expected one of {expected}.")


async def count_views(store: Store, views: Sequence[NotShownView], store_batch: StoreBatch) -> None:
    """Count the views, and log the first one of each policy.

    Raises:
        StoreError: the store did not acknowledge everything. Counting the views again is harmless.
    """
    now = now_ms()
    commands = [store.not_shown.add_command(*view, now) for view in views]
    for view, is_first in zip(views, await store_batch.execute(commands), strict=True):
        if is_first:
            log.warning(
                "site %r: Pages show the default content of placement %r in place of a decision, reason %r. "
                "`notShown` in GET /v1/policies/%s counts them, and docs/reference/sdk.md has the remedies.",
                view.ref.site,
                view.ref.placement,
                view.reason,
                view.ref.placement,
            )
