"""The audit of a policy after a chaos test. It compares four records of the same traffic:

- the ledger, which has everything that was acknowledged to visitors
- the log
- the reference, a second implementation of the rules, which reads the log
- the checkpoint that the learner published
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

import httpx

from edgewise.entries import Decision, Entry, Event, Outcome, Tick, decode
from edgewise.ids.visitor import anonymous_digest, message_digest
from edgewise.learner.rebuild import rebuild
from edgewise.policies.compiled_policy import decode_policy
from edgewise.policies.policy import Policy
from edgewise.statistics import Statistics
from edgewise.store import Checkpoint, Store
from edgewise.types import BEGINNING, DecisionKey, Digest, PolicyRef, StreamId
from edgewise.visitors import profile as profiles
from edgewise.visitors.identity import read_redirect
from tests.eventually import eventually
from tests.integration.chaos_shop import REFS, SITE, WINDOW
from tests.integration.ledger import Ledger, RewardEvent, ShownDecision
from tests.integration.service import SECRET, Service, store_of
from tests.learner.reference import Made, Reference

_PAGE = 1000
_ROUNDING = 0.01
"""Seconds. The store counts in milliseconds, the visitors do not."""


class PolicyAudit:
    """One policy's log up to its published model, with the reference's state at that position."""

    def __init__(self, store: Store, ref: PolicyRef) -> None:
        self.ref = ref
        self.checkpoint: Checkpoint | None = None
        self.log: list[tuple[StreamId, Entry]] = []
        self.reference = Reference({})
        self._later: list[tuple[StreamId, Entry]] = []
        self._store = store

    async def settle(self) -> None:
        """Wait until a published model covers the whole log, and all windows with an impression are closed."""
        await eventually(self._is_settled)

    async def watch(self) -> None:
        """Read until cancelled. Each published model must be newer than the one before."""
        while True:
            await self.read()
            await asyncio.sleep(0.01)

    async def read(self) -> list[tuple[StreamId, Entry]]:
        """Read up to the position of the published model. Return the later entries."""
        last, self.checkpoint = self.checkpoint, await self._store.checkpoints.read(self.ref)
        # Later entries are kept, because the learner may trim the log before the next read.
        read = self._later or self.log
        self._later += await self._entries_after(read[-1][0] if read else BEGINNING)
        if self.checkpoint is None:
            return []
        assert last is None or _order(last) <= _order(self.checkpoint), f"{self.ref}: An older model was published."
        position = self.checkpoint.position
        known = [(id, entry) for id, entry in self._later if id <= position]
        for version in {entry.version for _, entry in known if isinstance(entry, Decision)}:
            if version not in self.reference.policies:
                self.reference.policies[version] = await self._policy(version)
        self.reference.fold(known)
        self.log += known
        self._later = self._later[len(known) :]
        return self._later

    async def _is_settled(self) -> bool:
        later = await self.read()
        await asyncio.sleep(0.05)
        if self.checkpoint is None or not all(isinstance(entry, Tick) for _, entry in later):
            return False
        return not any(slot.seen is not None and not slot.closed for made in self.reference.made for slot in made.slots)

    async def _policy(self, version: Digest) -> Policy:
        blobs: list[bytes | None] = []

        async def has_blob() -> bool:
            blobs.append(await self._store.versions.blob(self.ref, version))
            return blobs[-1] is not None

        await eventually(has_blob)  # After a loss, a worker writes the version again at its next poll.
        return decode_policy(blobs[-1] or b"")

    async def _entries_after(self, last: StreamId) -> list[tuple[StreamId, Entry]]:
        found: list[tuple[StreamId, Entry]] = []
        while True:
            page = (await self._store.log.read({self.ref: StreamId(last.ms, last.seq + 1)}, _PAGE))[self.ref]
            found += [(id, decode(entry)) for id, entry in page.entries]
            if len(page.entries) < _PAGE:
                return found
            last = found[-1][0]


async def audit(service: Service, ledger: Ledger) -> dict[PolicyRef, PolicyAudit]:
    """Wait until everything is learned, and audit every policy."""
    assert ledger.decisions, "The ledger has no decisions to audit."
    async with store_of(service) as store:
        audits = {ref: await audit_policy(store, ref, ledger) for ref in REFS}
        await _audit_profiles(store, ledger)
        await _audit_report(service, store)
    return audits


async def audit_policy(store: Store, ref: PolicyRef, ledger: Ledger) -> PolicyAudit:
    """Wait until everything is learned, and audit one policy."""
    audited = PolicyAudit(store, ref)
    await audited.settle()
    audit_counts(audited)
    audit_log(audited, ledger)
    audit_rewards(audited, ledger)
    rebuilt = await rebuild(store, ref)
    assert rebuilt.equal, f"{ref}: Published {rebuilt.published}, but the rebuilt model is {rebuilt.sha256}."
    return audited


def audit_counts(audited: PolicyAudit) -> None:
    """The learner's counts equal those of the reference."""
    assert audited.checkpoint is not None
    counted, reference = Statistics.decode(audited.checkpoint.statistics), audited.reference
    for name in ("decisions", "outcomes", "repeats", "closed", "unattributed", "unseen", "cut", "unlearned"):
        assert getattr(counted, name) == reference.counts.get(name, 0), f"{audited.ref}: {name}"
    assert counted.learned == len(reference.learned)
    for group, tally in (("policy", counted.policy), ("control", counted.control)):
        assert (tally.seen, tally.reward) == (len(reference.rewards[group]), sum(reference.rewards[group])), group
    assert counted.unreadable == 0


def audit_log(audited: PolicyAudit, ledger: Ledger) -> None:
    """The log has every decision and every unlinked event once, and every acknowledged linked outcome."""
    entries = [entry for _, entry in audited.log]
    decisions = {entry.key: entry for entry in entries if isinstance(entry, Decision)}
    repeated = _repeated(entry.key for entry in entries if isinstance(entry, Decision))
    assert not repeated, f"{audited.ref}: The log has duplicate decisions: {repeated}."
    for shown in _decisions_of(audited.ref, ledger):
        entry = decisions.get(shown.key)
        assert entry or not ledger.is_kept(shown.span), f"{audited.ref}: Missing acknowledged decision {shown}."
        if entry is not None:
            actions = audited.reference.policies[entry.version].actions
            assert tuple(actions[slot.chosen].id for slot in entry.slots) == shown.actions, shown
            assert entry.version.hex() == shown.version
    outcomes = {entry.message for entry in entries if isinstance(entry, Outcome)}
    for message, (ref, span) in ledger.linked.items():
        is_logged = ref != audited.ref or not ledger.is_kept(span) or message_digest(message) in outcomes
        assert is_logged, f"{audited.ref}: Missing acknowledged outcome {message}."
    events = Counter(entry.message for entry in entries if isinstance(entry, Event))
    assert not [count for count in events.values() if count > 1], f"{audited.ref}: The log has a duplicate event."
    for message, span in ledger.unlinked.items():
        is_logged = not ledger.is_kept(span) or message_digest(message) in events
        assert is_logged, f"{audited.ref}: Missing acknowledged event {message}."


def audit_rewards(audited: PolicyAudit, ledger: Ledger) -> None:
    """Each decision has the rewards of its events in time, and each event counts once."""
    made = {one.entry.key: one for one in audited.reference.made}
    in_doubt = {one.visitor for one in ledger.decisions if not all(map(ledger.is_kept, (one.span, *one.seen.values())))}
    certain, late = 0, 0
    for shown in _decisions_of(audited.ref, ledger):
        if shown.key not in made:
            continue
        least, most = _bounds(shown, made[shown.key], ledger)
        rewarded = _rewarded(made[shown.key])
        assert least <= rewarded, f"{shown}: Expected a reward of at least {least}, found {rewarded}."
        assert rewarded <= most or shown.visitor in in_doubt, (
            f"{shown}: Expected a reward of at most {most}, found {rewarded}."
        )
        certain += 0 < least == most
        late += least != most
    assert 4 * certain > late, f"{audited.ref}: Only {certain} of {certain + late} rewards are certain."


def _bounds(shown: ShownDecision, made: Made, ledger: Ledger) -> tuple[float, float]:
    """The lowest and the highest possible reward of a decision. They differ if an event was late or lost."""
    certain: dict[tuple[object, ...], float] = {}
    possible: dict[tuple[object, ...], float] = {}
    for number, event in enumerate(shown.rewards):
        value = made.policy.reward.events[event.name] if event.value is None else event.value
        once = (event.slot, event.name) if event.value is None else (number,)
        possible[once] = value
        if _is_certain(shown, event, ledger):
            certain[once] = value
    return sum(certain.values()), sum(possible.values())


def _is_certain(shown: ShownDecision, event: RewardEvent, ledger: Ledger) -> bool:
    seen = shown.seen[event.slot]
    in_time = event.span.acknowledged < seen.sent + WINDOW - _ROUNDING
    return in_time and all(map(ledger.is_kept, (shown.span, seen, event.span)))


def _rewarded(made: Made) -> float:
    return sum(Reference.reward(slot, made.policy) for slot in made.slots if slot.seen is not None)


async def _audit_profiles(store: Store, ledger: Ledger) -> None:
    """Each order is once in its visitor's profile."""
    for visitor, spans in ledger.orders.items():
        digest = anonymous_digest(visitor)
        while (redirect := read_redirect(stored := await store.profiles.read(SITE, digest))) is not None:
            digest = redirect.to
        orders = profiles.decode(stored).orders if stored else 0
        kept = sum(map(ledger.is_kept, spans))
        assert kept <= orders <= len(spans), f"{visitor}: Expected {kept} to {len(spans)} orders, found {orders}."


async def _audit_report(service: Service, store: Store) -> None:
    """The service reports the published model."""
    bearer = {"authorization": f"Bearer {SECRET}"}
    async with httpx.AsyncClient(base_url=service.url, headers=bearer, timeout=30) as client:
        for ref in REFS:

            async def agrees(ref: PolicyRef = ref) -> bool:
                checkpoint = await store.checkpoints.read(ref)
                assert checkpoint is not None
                counted = Statistics.decode(checkpoint.statistics)
                response = (await client.get(f"/v1/policies/{ref.placement}")).raise_for_status().json()
                model = {
                    "version": checkpoint.model_version,
                    "sha256": sha256(checkpoint.model).hexdigest(),
                    "learnedDecisions": counted.learned,
                }
                return bool(response["model"] == response["model"] | model and response["outcomes"] == counted.outcomes)

            await eventually(agrees)


def _order(checkpoint: Checkpoint) -> tuple[int, StreamId, int]:
    return checkpoint.epoch, checkpoint.position, checkpoint.model_version


def _decisions_of(ref: PolicyRef, ledger: Ledger) -> Iterable[ShownDecision]:
    return (shown for shown in ledger.decisions if shown.ref == ref)


def _repeated(keys: Iterable[DecisionKey]) -> list[str]:
    return [key.hex() for key, count in Counter(keys).items() if count > 1]
