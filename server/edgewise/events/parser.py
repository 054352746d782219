"""Parses messages into events: an activity of a visitor, and the outcome of a decision."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, get_args

from edgewise.config.messages import json_noun
from edgewise.entries import Outcome
from edgewise.errors import EdgewiseError
from edgewise.ids.decision import DecisionIds, UnknownDecision
from edgewise.ids.user_proof import UserProof
from edgewise.ids.visitor import (
    VisitorIds,
    anonymous_digest,
    message_digest,
    order_digest,
    unlinkable_message_digest,
    user_digest,
    visitor_digests,
)
from edgewise.serving.served_site import ServedPlacement, ServedSite
from edgewise.types import Consent, Digest, Milliseconds, PolicyRef
from edgewise.visitors.activity import Activity, read_activity
from edgewise.visitors.browser import UNKNOWN, Browser
from edgewise.visitors.consent import decide_consent
from edgewise.visitors.counted_orders import ORDER_COMPLETED, ORDER_REFUNDED, OrderKey, order_key
from edgewise.visitors.message import Message, Properties
from edgewise.visitors.products import InvalidProperty, finite_number, read_order_id

RESERVED = frozenset({"$impression", "$click", "$reward"})
"""Events that report the outcome of a decision, and nothing else."""

MAX_AGE: Milliseconds = 7 * 24 * 3600 * 1000
"""The log gives an older message this age, because no reward window is longer."""

_DAY: Milliseconds = 24 * 3600 * 1000

FAR_AHEAD: Milliseconds = _DAY
FAR_BACK: Milliseconds = 366 * _DAY
"""A message that is further off comes from a wrong clock, or is too old for any profile."""

_NO_PROPERTIES = Properties()
_CONSENTS: tuple[Consent, ...] = get_args(Consent)


class MessageRejected(EdgewiseError):
    """A message cannot be recorded. `code` is a machine-readable reason."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class ParsedEvent(NamedTuple):
    """A parsed message.

    - `activity`: what the visitor did
    - `age`: the time since then, as the log has it
    - `visitors`: the ids of the visitor whose profile it belongs to, the best known one last
    - `outcome`: the outcome of a decision, and the policy whose log it belongs to
    - `links`: ids that turn out to be a user's, each with the user's id
    - `ids`: the visitor's ids as they were given, for webhooks
    - `order`: the digest of the visitor's order that it reports, which a log keeps once

    Of the reserved events, only an impression belongs to a profile.
    """

    activity: Activity
    age: Milliseconds
    visitors: tuple[Digest, ...]
    outcome: tuple[PolicyRef, Outcome] | None
    links: tuple[tuple[Digest, Digest], ...] = ()
    ids: VisitorIds = VisitorIds()
    order: Digest | None = None


class EventParser(NamedTuple):
    """Parses the messages of one batch.

    `find` returns the placement of a policy id. `now` is a time of the server's clock, `sent_at` the time of the
    sender's clock when the batch was sent. `proof` decides which user ids count. `consent` is the batch's. `browser`
    is the sender.
    """

    site: ServedSite
    ids: DecisionIds
    find: Callable[[bytes], ServedPlacement | None]
    now: Milliseconds
    sent_at: Milliseconds | None
    proof: UserProof
    consent: Consent | None = None
    browser: Browser = UNKNOWN

    def parse(self, message: Message) -> ParsedEvent | Literal["consent", "unproven"]:
        """Parse a message. Return the reason if nothing of it may be kept.

        Raises:
            MessageRejected: the message is invalid, or its decision is not one of this site.
        """
        name = message.event if message.type == "track" else None
        if message.type == "track" and not name:
            raise MessageRejected("invalid_message", "event: Missing name. Name what happened.")
        properties = message.properties or _NO_PROPERTIES
        if decide_consent(self.site.settings.consent, self.consent, _consent(message)) != "granted":
            return self._parse_without_visitor(message, name, properties)
        user_id = self.proof.accept(message.user_id, message.user_hash)
        visitors = visitor_digests(message.anonymous_id or None, user_id)
        age = self._age(message.timestamp)
        digest = message_digest(message.message_id) if message.message_id else os.urandom(8)
        ids = (*visitors, *self._previous_digests(message.previous_id)) if user_id or self.proof.is_server else visitors
        outcome: tuple[PolicyRef, Outcome] | None = None
        seen: tuple[str, ...] = ()
        if name and (name in RESERVED or properties.decision_id is not None):
            ref, result, _ = self._read_outcome(name, properties, min(age, MAX_AGE), digest)
            outcome = ref, result
            seen = _read_seen_names(ref.placement, properties) if name in RESERVED else ()
        elif not visitors:
            if message.user_id:
                return "unproven"
            raise MessageRejected("invalid_message", "anonymousId, userId: Missing id. Send one of them.")
        try:
            activity = read_activity(message, self.now - age, digest, ids, seen, self.browser, self.proof.is_server)
            order = self._read_order(name, properties)
        except InvalidProperty as error:
            raise MessageRejected("invalid_message", str(error)) from error
        belongs_to = () if name in RESERVED and name != "$impression" else visitors
        links = tuple((id, visitors[-1]) for id in ids if id != visitors[-1]) if user_id and belongs_to else ()
        visitor_ids = VisitorIds(message.anonymous_id or None, user_id)
        of_order = None
        if order is not None:
            activity = activity._replace(order=order)
            of_order = order_digest(order, visitors[-1] if visitors else b"")
            # A slot counts each digest once.
            outcome = outcome and (outcome[0], outcome[1]._replace(message=of_order))
        return ParsedEvent(activity, min(age, MAX_AGE), belongs_to, outcome, links, visitor_ids, of_order)

    def _parse_without_visitor(
        self, message: Message, name: str | None, properties: Properties
    ) -> ParsedEvent | Literal["consent"]:
        """Keep only the outcome of a decision that was logged without a visitor."""
        if name is None or (name not in RESERVED and properties.decision_id is None):
            return "consent"
        age = min(self._age(message.timestamp), MAX_AGE)
        ref, outcome, has_visitor = self._read_outcome(name, properties, age, b"")
        if has_visitor:
            return "consent"
        order = self._read_order(name, properties)
        id = message.message_id if order is None else order.hex()
        digest = unlinkable_message_digest(id, outcome.key) if id else os.urandom(8)
        activity = Activity(message.type, name, self.now - age, digest)
        return ParsedEvent(activity, age, (), (ref, outcome._replace(message=digest)))

    def _read_outcome(
        self, name: str, properties: Properties, age: Milliseconds, digest: Digest
    ) -> tuple[PolicyRef, Outcome, bool]:
        """The policy, the outcome, and whether the decision was logged with a visitor."""
        path = "properties.decisionId"
        if not isinstance(properties.decision_id, str):
            found = _describe(properties.decision_id)
            raise MessageRejected("unknown_decision", f"{path}: Expected the id of a decision, found {found}.")
        try:
            decision = self.ids.read(properties.decision_id)
        except UnknownDecision as error:
            raise MessageRejected("unknown_decision", f"{path}: {error}") from error
        placement = self.find(decision.policy_id)
        if placement is None or placement.ref.site != self.site.name:
            raise MessageRejected("unknown_decision", f"{path}: The decision's placement is not in this site.")
        slot = None if properties.slot is None else _read_slot(properties.slot, decision.slots)
        value = _read_value(properties.value) if name == "$reward" else None
        return placement.ref, Outcome(decision.key, slot, name, value, age, digest), decision.has_visitor

    def _read_order(self, name: str | None, properties: Properties) -> OrderKey | None:
        """The order that a completed order, or another rewarded event, reports. It counts once.

        One order may have several refunds.
        """
        if name != ORDER_COMPLETED and name != "$reward" and (name not in self.site.rewarded or name == ORDER_REFUNDED):
            return None
        try:
            order_id = read_order_id(properties)
        except InvalidProperty as error:
            raise MessageRejected("invalid_message", str(error)) from error
        return None if order_id is None or name is None else order_key(name, order_id)

    def _previous_digests(self, id: str | None) -> tuple[Digest, ...]:
        """The digests of an alias's previous id, as far as its sender may name it.

        For a server, the id may be anonymous or a user's. A browser that must prove its user id may name no other id
        than its own, and no browser may name another user.
        """
        if not id:
            return ()
        if self.proof.is_server:
            return anonymous_digest(id), user_digest(id)
        return () if self.proof.is_needed else (anonymous_digest(id),)

    def _age(self, happened: datetime | None) -> Milliseconds:
        """The time since the event. Both times are of the sender's clock, so its error cancels out."""
        if happened is None:
            return 0
        reference = self.now if self.sent_at is None else self.sent_at
        age = reference - milliseconds(happened)
        if not -FAR_AHEAD <= age <= FAR_BACK:
            raise MessageRejected(
                "invalid_message",
                f"timestamp: Expected a time at most {FAR_BACK // _DAY} days before and {FAR_AHEAD // _DAY} day after "
                f"the batch was sent, found {happened.isoformat()}.",
            )
        return max(age, 0)


def milliseconds(time: datetime) -> Milliseconds:
    """Convert to the time since the epoch. A time without a zone is UTC."""
    return int((time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp() * 1000)


def _consent(message: Message) -> Consent | None:
    """The consent of a message. Segment's object of categories is ignored, because it has no fixed meaning."""
    given = None if message.context is None else message.context.consent
    if given is None or isinstance(given, dict):
        return None
    for consent in _CONSENTS:
        if given == consent:
            return consent
    found = repr(given[:20]) if isinstance(given, str) else _describe(given)
    raise MessageRejected("invalid_message", f"context.consent: Expected one of {', '.join(_CONSENTS)}, found {found}.")


def _read_seen_names(placement: str, properties: Properties) -> tuple[str, ...]:
    action = properties.action
    if action is None:
        return (placement,)
    if isinstance(action, str):
        return (placement, f"{placement}/{action}")
    raise MessageRejected(
        "invalid_message", f"properties.action: Expected the id of an action, found {_describe(action)}."
    )


def _read_slot(slot: Any, slots: int) -> int:
    if type(slot) is int and 0 <= slot < slots:
        return slot
    found = str(slot)[:20] if type(slot) is int else _describe(slot)
    raise MessageRejected(
        "invalid_message", f"properties.slot: Expected a whole number from 0 to {slots - 1}, found {found}."
    )


def _read_value(value: Any) -> float:
    number = finite_number(value) if type(value) in (int, float) else None
    if number is None:
        raise MessageRejected(
            "invalid_message", f"properties.value: Expected a finite number, found {_describe(value)}."
        )
    return number


def _describe(value: Any) -> str:
    return "nothing" if value is None else json_noun(value)
