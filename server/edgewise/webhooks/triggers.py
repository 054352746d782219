"""Triggers: which of a site's webhooks a visitor newly meets. Each is due once, until its condition fails again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from edgewise.conditions.compiler import compile_condition
from edgewise.policies.segments import NO_SEGMENTS, Segments
from edgewise.sites import Site
from edgewise.types import Milliseconds, Webhook
from edgewise.visitors.attributes import attributes
from edgewise.visitors.names import bounded
from edgewise.visitors.profile import Profile


class Named(NamedTuple):
    """The ids by which a receiver knows a visitor, as the batch had them."""

    anonymous_id: str | None = None
    user_id: str | None = None

    def then(self, later: Named) -> Named:
        """These, and those that came later."""
        return Named(later.anonymous_id or self.anonymous_id, later.user_id or self.user_id)


class Job(msgspec.Struct, frozen=True, array_like=True):
    """A message that waits. `body` is its JSON, made once; `tried_at` is when it was first tried, 0: not yet."""

    id: str
    webhook: str
    body: bytes
    not_before: Milliseconds = 0
    tried_at: Milliseconds = 0
    attempts: int = 0
    problem: str = ""

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """A condition that holds, and that must still hold at this time."""

    due: Milliseconds
    named: Named

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)


class Notice(NamedTuple):
    """What changes in what is remembered of a visitor's conditions (None: drop it), and messages."""

    fields: Mapping[bytes, bytes | None]
    jobs: list[bytes]

    @property
    def is_to_be_looked_at(self) -> bool:
        return bool(self.jobs) or any(field.startswith(_WAITING) and value for field, value in self.fields.items())

    def __bool__(self) -> bool:
        return bool(self.fields or self.jobs)


NOTHING = Notice({}, [])
_MET, _WAITING = b"h:", b"d:"
decode_job = msgspec.msgpack.Decoder(Job).decode
decode_waiting = msgspec.msgpack.Decoder(Waiting).decode


class Triggers:
    """A site's webhooks, made ready to use. False when there are none."""

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

    def webhook(self, name: str) -> Webhook | None:
        return self._triggers[name][0] if name in self._triggers else None

    def notice(
        self,
        profile: Profile,
        state: Mapping[bytes, bytes],
        elsewhere: Mapping[bytes, bytes],
        named: Named,
        now: Milliseconds,
        was_there: bool,
    ) -> Notice:
        """What follows for the webhooks from a visitor's new profile, and what is remembered of them.

        `state` is what is remembered beside the profile, `elsewhere` under other ids of the visitor: what was met there
        counts, what is waited for there does not. What is waited for here begins anew, unless the visitor was not
        there, but only told of.
        """
        seen = self._seen(profile, now)
        fields: dict[bytes, bytes | None] = {}
        jobs = []
        for name, (webhook, holds) in self._triggers.items():
            met, waiting = met_field(name), _WAITING + name.encode()
            was_met = state.get(met, elsewhere.get(met)) == b"1"
            if not holds(seen):
                if was_met:
                    fields[met] = b"0"
                if waiting in state:
                    fields[waiting] = None
            elif was_met:
                if met not in state:  # From now on this visitor may be known by this id alone.
                    fields[met] = b"1"
            elif webhook.after:
                if was_there or waiting not in state:
                    fields[waiting] = Waiting(now + webhook.after, named).encode()
            else:
                fields[met] = b"1"
                jobs.append(self._job(name, seen, named, now))
        return Notice(fields, jobs)

    def matured(self, name: str, profile: Profile, named: Named, now: Milliseconds) -> bytes | None:
        """The message of a condition that was waited for; None when it does not hold any more."""
        seen = self._seen(profile, now)
        if name not in self._triggers or not self._triggers[name][1](seen):
            return None
        return self._job(name, seen, named, now)

    def _seen(self, profile: Profile, now: Milliseconds) -> dict[str, Any]:
        seen = {"visitor": attributes(profile, now, self._sensitive)}
        seen["visitor"]["segments"] = self._segments.of(seen)
        return seen

    def _job(self, name: str, seen: Mapping[str, Any], named: Named, now: Milliseconds) -> bytes:
        id = os.urandom(16).hex()
        body = {
            "id": id,
            "webhook": name,
            "site": self._site,
            "at": datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds"),
            "anonymousId": named.anonymous_id,
            "userId": named.user_id,
            "visitor": seen["visitor"],
        }
        return Job(id, name, msgspec.json.encode(body)).encode()


NO_TRIGGERS = Triggers("", ())


def triggers_of(site: Site, segments: Segments) -> Triggers:
    """The webhooks of this site, whose segments are at hand."""
    return Triggers(site.name, site.webhooks, segments, frozenset(map(bounded, site.sensitive)))


def met_field(webhook: str) -> bytes:
    """Where it is remembered whether a visitor meets a condition."""
    return _MET + webhook.encode()


def met_in(state: Mapping[bytes, bytes]) -> Iterable[tuple[str, bool]]:
    """Which webhooks' conditions were met, and whether they still are."""
    for field, held in state.items():
        if field.startswith(_MET):
            yield field[len(_MET) :].decode(), held == b"1"


def waiting_in(state: Mapping[bytes, bytes]) -> Iterable[tuple[str, bytes, bytes, Waiting]]:
    """What is waited for: its webhook's name, its field, what is in there, and what that says."""
    for field, held in state.items():
        if field.startswith(_WAITING):
            yield field[len(_WAITING) :].decode(), field, held, decode_waiting(held)
