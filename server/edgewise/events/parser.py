"""A telling: what one message says, once it is understood."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

from edgewise.entries import Outcome
from edgewise.errors import EdgewiseError
from edgewise.events.acts import act_of
from edgewise.ids.decision import DecisionIds, UnknownDecision
from edgewise.ids.visitor import (
    anonymous_digest,
    message_digest,
    unlinkable_message_digest,
    user_digest,
    visitor_digests,
)
from edgewise.serving.served import ServedPlacement, ServedSite
from edgewise.types import Consent, Digest, Milliseconds, PolicyRef
from edgewise.visitors.activity import Act
from edgewise.visitors.browser import UNKNOWN, Browser
from edgewise.visitors.consent import consent_of
from edgewise.visitors.message import Message, Properties
from edgewise.visitors.products import WrongProperty
from edgewise.webhooks.triggers import Named

RESERVED = frozenset({"$impression", "$click", "$reward"})
"""Events that tell what followed a decision, and nothing else."""

MAX_AGE: Milliseconds = 7 * 24 * 3600 * 1000
"""An older message counts as this old: no window is longer."""

_DAY: Milliseconds = 24 * 3600 * 1000

FAR_AHEAD: Milliseconds = _DAY
FAR_BACK: Milliseconds = 366 * _DAY
"""What is told of a time further off than this comes from a broken clock, or is too old for any profile."""

_NO_PROPERTIES = Properties()
_CONSENTS: tuple[Consent, ...] = get_args(Consent)


class Rejected(EdgewiseError):
    """A message that cannot be recorded; `code` says why in a word."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Telling(NamedTuple):
    """What a message says: an act of a visitor's, and with it the outcome of a decision and the log it belongs to.

    `age` is how long ago it happened, as the log has it. `visitors` are the ids of the one whose profile it belongs to,
    the best known last; of the reserved events, only an impression belongs to anyone. `links` are ids that turn out to
    be a user's, each with that user's. `named` has the ids themselves, for those who are to be told of them.
    """

    act: Act
    age: Milliseconds
    visitors: tuple[Digest, ...]
    outcome: tuple[PolicyRef, Outcome] | None
    links: tuple[tuple[Digest, Digest], ...] = ()
    named: Named = Named()


class Listener(NamedTuple):
    """Understands the messages of one batch. `find` gives the placement that a decision id leads to.

    `now` is the server's clock, `sent_at` the sender's when the batch was sent. `consent` is what the batch says of it,
    `browser` the one that sent it.
    """

    site: ServedSite
    ids: DecisionIds
    find: Callable[[bytes], ServedPlacement | None]
    now: Milliseconds
    sent_at: Milliseconds | None
    consent: Consent | None = None
    browser: Browser = UNKNOWN

    def understand(self, message: Message) -> Telling | None:
        """What a message says; None when nothing of it may be kept, for want of consent.

        Raises:
            Rejected: it lacks something, or its decision is none of this site's.
        """
        name = message.event if message.type == "track" else None
        if message.type == "track" and not name:
            raise Rejected("invalid_message", "event: found none, expected the name of what happened")
        properties = message.properties or _NO_PROPERTIES
        if consent_of(self.site.settings.consent, self.consent, _consent(message)) != "granted":
            return self._of_nobody(message, name, properties)
        visitors = visitor_digests(message.anonymous_id or None, message.user_id or None)
        age = self._age(message.timestamp)
        digest = message_digest(message.message_id) if message.message_id else os.urandom(8)
        ids = (*visitors, *_previous(message.previous_id))
        outcome: tuple[PolicyRef, Outcome] | None = None
        seen: tuple[str, ...] = ()
        if name and (name in RESERVED or properties.decision_id is not None):
            outcome = self._outcome(name, properties, min(age, MAX_AGE), digest)
            seen = _seen(outcome[0].placement, properties) if name in RESERVED else ()
        elif not visitors:
            raise Rejected("invalid_message", "anonymousId, userId: found neither, expected one of them")
        try:
            act = act_of(message, self.now - age, digest, ids, seen, self.browser)
        except WrongProperty as error:
            raise Rejected("invalid_message", str(error)) from error
        belongs_to = () if name in RESERVED and name != "$impression" else visitors
        links = tuple((id, visitors[-1]) for id in ids if id != visitors[-1]) if message.user_id and belongs_to else ()
        named = Named(message.anonymous_id or None, message.user_id or None)
        return Telling(act, min(age, MAX_AGE), belongs_to, outcome, links, named)

    def _of_nobody(self, message: Message, name: str | None, properties: Properties) -> Telling | None:
        """What is left without consent: the outcome of a decision in whose entry there is no visitor either."""
        if name is None or (name not in RESERVED and properties.decision_id is None):
            return None
        age = min(self._age(message.timestamp), MAX_AGE)
        ref, outcome, tied = self._read_outcome(name, properties, age, b"")
        if tied:
            return None
        digest = unlinkable_message_digest(message.message_id, outcome.key) if message.message_id else os.urandom(8)
        act = Act(message.type, name, self.now - age, digest)
        return Telling(act, age, (), (ref, outcome._replace(message=digest)))

    def _outcome(
        self, name: str, properties: Properties, age: Milliseconds, digest: Digest
    ) -> tuple[PolicyRef, Outcome]:
        ref, outcome, _ = self._read_outcome(name, properties, age, digest)
        return ref, outcome

    def _read_outcome(
        self, name: str, properties: Properties, age: Milliseconds, digest: Digest
    ) -> tuple[PolicyRef, Outcome, bool]:
        """The outcome, the log it belongs to, and whether there is a visitor in its decision's entry."""
        where = "properties.decisionId"
        if not isinstance(properties.decision_id, str):
            found = _kind(properties.decision_id)
            raise Rejected("unknown_decision", f"{where}: found {found}, expected the id that came with the decision")
        try:
            decision = self.ids.read(properties.decision_id)
        except UnknownDecision as error:
            raise Rejected("unknown_decision", f"{where}: {error}") from error
        placement = self.find(decision.policy_id)
        if placement is None or placement.ref.site != self.site.name:
            raise Rejected("unknown_decision", f"{where}: found one that leads to no placement of this site")
        slot = None if properties.slot is None else _slot(properties.slot, decision.slots)
        value = _value(properties.value) if name == "$reward" else None
        return placement.ref, Outcome(decision.key, slot, name, value, age, digest), decision.has_visitor

    def _age(self, happened: datetime | None) -> Milliseconds:
        """How long ago it happened. Both times of the sender's are of one clock, so its error cancels out."""
        if happened is None:
            return 0
        reference = self.now if self.sent_at is None else self.sent_at
        age = reference - milliseconds(happened)
        if not -FAR_AHEAD <= age <= FAR_BACK:
            found = f"{happened.isoformat()}, {abs(age) // _DAY} days {'before' if age > 0 else 'after'} it was sent"
            raise Rejected(
                "invalid_message",
                f"timestamp: found {found}, expected at most {FAR_BACK // _DAY} before and {FAR_AHEAD // _DAY} after",
            )
        return max(age, 0)


def milliseconds(time: datetime) -> Milliseconds:
    """Since the epoch; a time without a zone is UTC."""
    return int((time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp() * 1000)


def _consent(message: Message) -> Consent | None:
    """What a message says of consent. Segment's object of categories says nothing that we could map."""
    said = None if message.context is None else message.context.consent
    if said is None or isinstance(said, dict):
        return None
    for known in _CONSENTS:
        if said == known:
            return known
    found = repr(said[:20]) if isinstance(said, str) else _kind(said)
    raise Rejected("invalid_message", f"context.consent: found {found}, expected one of {', '.join(_CONSENTS)}")


def _seen(placement: str, properties: Properties) -> tuple[str, ...]:
    """The placement that was seen and, where it is named, what was shown there."""
    action = properties.action
    if action is None:
        return (placement,)
    if isinstance(action, str):
        return (placement, f"{placement}/{action}")
    raise Rejected("invalid_message", f"properties.action: found {_kind(action)}, expected the id of an action")


def _slot(slot: Any, slots: int) -> int:
    if type(slot) is int and 0 <= slot < slots:
        return slot
    found = str(slot)[:20] if type(slot) is int else _kind(slot)
    raise Rejected("invalid_message", f"properties.slot: found {found}, expected a whole number from 0 to {slots - 1}")


def _value(value: Any) -> float:
    number = _finite(value)
    if number is None:
        raise Rejected("invalid_message", f"properties.value: found {_kind(value)}, expected a finite number")
    return number


def _finite(value: Any) -> float | None:
    if type(value) not in (int, float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _kind(value: Any) -> str:
    return "none" if value is None else f"a value of type {type(value).__name__}"


def _previous(id: str | None) -> tuple[Digest, ...]:
    """An alias does not say whether its previous id was an anonymous one or a user's."""
    return (anonymous_digest(id), user_digest(id)) if id else ()
