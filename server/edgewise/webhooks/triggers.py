"""Triggers: the webhooks whose conditions a visitor newly meets. Each fires once, until its condition fails again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from edgewise.conditions.compiler import compile_condition
from edgewise.ids.visitor import VisitorIds
from edgewise.policies.segments import NO_SEGMENTS, Segments
from edgewise.sites import Site
from edgewise.types import Milliseconds, Webhook
from edgewise.visitors.attributes import make_attributes
from edgewise.visitors.names import bounded
from edgewise.visitors.profile import Profile
from edgewise.webhooks.webhook_state import (
    PendingCondition,
    QueuedMessage,
    decode_pending,
    is_pending_field,
    met_field,
    pending_field,
)


class WebhookUpdate(NamedTuple):
    """Changes of a visitor's webhook state, and new messages. The value None removes a field."""

    fields: Mapping[bytes, bytes | None]
    messages: list[bytes]

    @property
    def needs_dispatch(self) -> bool:
        """Whether the dispatcher must visit this visitor, now or later."""
        return bool(self.messages) or any(is_pending_field(field) and value for field, value in self.fields.items())

    def __bool__(self) -> bool:
        return bool(self.fields or self.messages)


NO_UPDATE = WebhookUpdate({}, [])


class Triggers:
    """The compiled webhooks of a site. False if there are none."""

    def __init__(
        self,
        site: str,
        webhooks: Iterable[Webhook],
        segments: Segments = NO_SEGMENTS,
        sensitive: frozenset[str] = frozenset(),
    ) -> None:
        self._site = site
        self._segments = segments
        self._sensitive = sensitive
        self._triggers = {webhook.name: (webhook, compile_condition(webhook.when)) for webhook in webhooks}

    def __bool__(self) -> bool:
        return bool(self._triggers)

    @property
    def longest_after(self) -> Milliseconds:
        """The longest time for which a condition waits."""
        return max((webhook.after for webhook, _ in self._triggers.values()), default=0)

    def find_webhook(self, name: str) -> Webhook | None:
        return self._triggers[name][0] if name in self._triggers else None

    def evaluate(
        self,
        profile: Profile,
        state: Mapping[bytes, bytes],
        other_state: Mapping[bytes, bytes],
        ids: VisitorIds,
        now: Milliseconds,
        is_visit: bool,
    ) -> WebhookUpdate:
        """Find what follows for the webhooks from a visitor's new profile.

        `state` is stored beside the profile. `other_state` is stored under other ids of the visitor: its met conditions
        count, its pending ones do not. Unless `is_visit` is False, pending conditions start to wait again. They keep
        an id that the present message lacks.
        """
        attributes = self._attributes(profile, now)
        fields: dict[bytes, bytes | None] = {}
        messages = []
        for name, (webhook, matches) in self._triggers.items():
            met, pending = met_field(name), pending_field(name)
            was_met = state.get(met, other_state.get(met)) == b"1"
            if not matches(attributes):
                if was_met:
                    fields[met] = b"0"
                if pending in state:
                    fields[pending] = None
            elif was_met:
                if met not in state:  # The other id may be handed on to another visitor, so keep it here as well.
                    fields[met] = b"1"
            elif webhook.after:
                if pending not in state:
                    fields[pending] = PendingCondition(now + webhook.after, ids).encode()
                elif is_visit:
                    known = decode_pending(state[pending]).ids
                    fields[pending] = PendingCondition(now + webhook.after, known.updated_with(ids)).encode()
            else:
                fields[met] = b"1"
                messages.append(self._message(name, attributes, ids, now))
        return WebhookUpdate(fields, messages)

    def make_due_message(self, name: str, profile: Profile, ids: VisitorIds, now: Milliseconds) -> bytes | None:
        """Make the message of a pending condition that is due. Return None if the condition does not hold any more."""
        attributes = self._attributes(profile, now)
        if name not in self._triggers or not self._triggers[name][1](attributes):
            return None
        return self._message(name, attributes, ids, now)

    def _attributes(self, profile: Profile, now: Milliseconds) -> dict[str, Any]:
        attributes = {"visitor": make_attributes(profile, now, self._sensitive)}
        attributes["visitor"]["segments"] = self._segments.of(attributes)
        return attributes

    def _message(self, name: str, attributes: Mapping[str, Any], ids: VisitorIds, now: Milliseconds) -> bytes:
        id = os.urandom(16).hex()
        body = {
            "id": id,
            "webhook": name,
            "site": self._site,
            "at": datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds"),
            "anonymousId": ids.anonymous_id,
            "userId": ids.user_id,
            "visitor": attributes["visitor"],
        }
        return QueuedMessage(id, name, msgspec.json.encode(body)).encode()


NO_TRIGGERS = Triggers("", ())


def make_triggers(site: Site, segments: Segments) -> Triggers:
    return Triggers(site.name, site.webhooks, segments, frozenset(map(bounded, site.sensitive)))
