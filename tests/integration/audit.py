"""The audit of one policy: its model, its counts and its rewards against its log, and the log against the ledger.

Four accounts of the same traffic must agree: what visitors were told (the ledger), what is kept (the log), what a plain
second reading of the rules makes of it (the reference), and what the learner published (its checkpoint).
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
from tests.integration.ledger import Ledger, Payment, Shown
from tests.integration.service import SECRET, Service, store_of
from tests.integration.shop import REFS, SITE, WINDOW
from tests.learner.reference import Made, Reference

_PAGE = 1000
_ROUNDING = 0.01
"""Seconds: the store counts in milliseconds, and visitors do not."""


class Account:
    """One policy's log, read up to where its published model stands, with the reference's account of it."""

    def __init__(self, store: Store, ref: PolicyRef) -> None:
        self.ref = ref
        self.checkpoint: Checkpoint | None = None
        self.log: list[tuple[StreamId, Entry]] = []
        self.reference = Reference({})
        self._store = store

    async def settle(self) -> None:
        """Wait until a published model knows the whole log, with everything closed that was ever seen."""
        await eventually(self._is_settled)

    async def watch(self) -> None:
        """Read for ever; whatever is published must be newer than what was."""
        while True:
            await self.read()
            await asyncio.sleep(0.01)

    async def read(self) -> list[tuple[StreamId, Entry]]:
        """Read up to where the published model stands; what the log has after that."""
        last, self.checkpoint = self.checkpoint, await self._store.checkpoints.read(self.ref)
        if self.checkpoint is None:
            return []
        assert last is None or _order(last) <= _order(self.checkpoint), f"{self.ref}: an older model was published"
        entries = await self._entries_after(self.log[-1][0] if self.log else BEGINNING)
        known = [(id, entry) for id, entry in entries if id <= self.checkpoint.position]
        for version in {entry.version for _, entry in known if isinstance(entry, Decision)}:
            if version not in self.reference.policies:
                self.reference.policies[version] = await self._policy(version)
        self.reference.fold(known)
        self.log += known
        return entries[len(known) :]

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

        await eventually(has_blob)  # A worker writes what its store lost again when it looks at it next.
        return decode_policy(blobs[-1] or b"")

    async def _entries_after(self, last: StreamId) -> list[tuple[StreamId, Entry]]:
        found: list[tuple[StreamId, Entry]] = []
        while True:
            page = (await self._store.log.read({self.ref: StreamId(last.ms, last.seq + 1)}, _PAGE))[self.ref]
            found += [(id, decode(entry)) for id, entry in page.entries]
            if len(page.entries) < _PAGE:
                return found
            last = found[-1][0]


async def audit(service: Service, ledger: Ledger) -> dict[PolicyRef, Account]:
    """Wait until everything is learned, and audit every policy; their accounts."""
    assert ledger.shown, "nobody was shown anything, so there is nothing to audit"
    async with store_of(service) as store:
        accounts = {ref: await audit_policy(store, ref, ledger) for ref in REFS}
        await _audit_profiles(store, ledger)
        await _audit_report(service, store)
    return accounts


async def audit_policy(store: Store, ref: PolicyRef, ledger: Ledger) -> Account:
    """Wait until everything is learned, and audit one policy; its account."""
    account = Account(store, ref)
    await account.settle()
    audit_counts(account)
    audit_log(account, ledger)
    audit_rewards(account, ledger)
    rebuilt = await rebuild(store, ref)
    assert rebuilt.equal, f"{ref}: published {rebuilt.published}, but the log makes {rebuilt.sha256}"
    return account


def audit_counts(account: Account) -> None:
    """The learner has counted what the reference counts."""
    assert account.checkpoint is not None
    counted, reference = Statistics.decode(account.checkpoint.statistics), account.reference
    for name in ("decisions", "outcomes", "repeats", "closed", "unattributed", "unseen", "cut", "unlearned"):
        assert getattr(counted, name) == reference.counts.get(name, 0), f"{account.ref}: {name}"
    assert counted.learned == len(reference.learned)
    for group, tally in (("policy", counted.policy), ("control", counted.control)):
        assert (tally.seen, tally.reward) == (len(reference.rewards[group]), sum(reference.rewards[group])), group
    assert counted.unreadable == 0


def audit_log(account: Account, ledger: Ledger) -> None:
    """The log has every decision once, every un-linked event once, and every linked outcome, as acknowledged."""
    entries = [entry for _, entry in account.log]
    decisions = {entry.key: entry for entry in entries if isinstance(entry, Decision)}
    repeated = _repeated(entry.key for entry in entries if isinstance(entry, Decision))
    assert not repeated, f"{account.ref}: in the log more than once: {repeated}"
    for shown in _of(account.ref, ledger):
        entry = decisions.get(shown.key)
        assert entry or not ledger.is_kept(shown.span), f"{account.ref}: acknowledged, but not in the log: {shown}"
        if entry is not None:
            actions = account.reference.policies[entry.version].actions
            assert tuple(actions[slot.chosen].id for slot in entry.slots) == shown.actions, shown
            assert entry.version.hex() == shown.version
    outcomes = {entry.message for entry in entries if isinstance(entry, Outcome)}
    for message, (ref, span) in ledger.linked.items():
        told = ref != account.ref or not ledger.is_kept(span) or message_digest(message) in outcomes
        assert told, f"{account.ref}: the outcome {message} was acknowledged, but is not in the log"
    events = Counter(entry.message for entry in entries if isinstance(entry, Event))
    assert not [count for count in events.values() if count > 1], f"{account.ref}: an event is in the log twice"
    for message, span in ledger.unlinked.items():
        told = not ledger.is_kept(span) or message_digest(message) in events
        assert told, f"{account.ref}: the event {message} was acknowledged, but is not in the log"


def audit_rewards(account: Account, ledger: Ledger) -> None:
    """Each decision was rewarded with what its visitor told of it in time, and each thing counted once."""
    made = {one.entry.key: one for one in account.reference.made}
    in_doubt = {one.visitor for one in ledger.shown if not all(map(ledger.is_kept, (one.span, *one.seen.values())))}
    certain, late = 0, 0
    for shown in _of(account.ref, ledger):
        if shown.key not in made:
            continue
        least, most = _bounds(shown, made[shown.key], ledger)
        rewarded = _rewarded(made[shown.key])
        assert least <= rewarded, f"{shown} was rewarded {rewarded}, expected at least {least}"
        assert rewarded <= most or shown.visitor in in_doubt, (
            f"{shown} was rewarded {rewarded}, expected at most {most}"
        )
        certain += 0 < least == most
        late += least != most
    assert 4 * certain > late, f"{account.ref}: only {certain} of {certain + late} rewards are certain"


def _bounds(shown: Shown, made: Made, ledger: Ledger) -> tuple[float, float]:
    """The least and the most that a decision can have been rewarded with; they differ where some was late or lost."""
    certain: dict[tuple[object, ...], float] = {}
    possible: dict[tuple[object, ...], float] = {}
    for number, payment in enumerate(shown.payments):
        value = made.policy.reward.events[payment.name] if payment.value is None else payment.value
        once = (payment.slot, payment.name) if payment.value is None else (number,)
        possible[once] = value
        if _is_certain(shown, payment, ledger):
            certain[once] = value
    return sum(certain.values()), sum(possible.values())


def _is_certain(shown: Shown, payment: Payment, ledger: Ledger) -> bool:
    seen = shown.seen[payment.slot]
    in_time = payment.span.acknowledged < seen.sent + WINDOW - _ROUNDING
    return in_time and all(map(ledger.is_kept, (shown.span, seen, payment.span)))


def _rewarded(made: Made) -> float:
    return sum(Reference.reward(slot, made.policy) for slot in made.slots if slot.seen is not None)


async def _audit_profiles(store: Store, ledger: Ledger) -> None:
    """Each order is in its visitor's profile once."""
    for visitor, spans in ledger.orders.items():
        known_as = anonymous_digest(visitor)
        while (redirect := read_redirect(stored := await store.profiles.read(SITE, known_as))) is not None:
            known_as = redirect.to
        orders = profiles.decode(stored).orders if stored else 0
        kept = sum(map(ledger.is_kept, spans))
        assert kept <= orders <= len(spans), f"{visitor}: {orders} orders, expected {kept} to {len(spans)}"


async def _audit_report(service: Service, store: Store) -> None:
    """The service reports the model that is published."""
    bearer = {"authorization": f"Bearer {SECRET}"}
    async with httpx.AsyncClient(base_url=service.url, headers=bearer, timeout=30) as client:
        for ref in REFS:

            async def agrees(ref: PolicyRef = ref) -> bool:
                checkpoint = await store.checkpoints.read(ref)
                assert checkpoint is not None
                counted = Statistics.decode(checkpoint.statistics)
                said = (await client.get(f"/v1/policies/{ref.placement}")).raise_for_status().json()
                model = {
                    "version": checkpoint.model_version,
                    "sha256": sha256(checkpoint.model).hexdigest(),
                    "learnedDecisions": counted.learned,
                    "ageSeconds": said["model"]["ageSeconds"],
                }
                return bool(said["model"] == model and said["outcomes"] == counted.outcomes)

            await eventually(agrees)


def _order(checkpoint: Checkpoint) -> tuple[int, StreamId, int]:
    return checkpoint.epoch, checkpoint.position, checkpoint.model_version


def _of(ref: PolicyRef, ledger: Ledger) -> Iterable[Shown]:
    return (shown for shown in ledger.shown if shown.ref == ref)


def _repeated(keys: Iterable[DecisionKey]) -> list[str]:
    return [key.hex() for key, count in Counter(keys).items() if count > 1]
