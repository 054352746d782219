"""The parsed events of one batch, with the profile updates and log entries that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from edgewise.entries import Event, encode
from edgewise.events.parser import ParsedEvent
from edgewise.events.profile_records import ProfileRecords
from edgewise.events.profile_update import ProfileUpdate
from edgewise.serving.served_site import ServedSite
from edgewise.store import Command, Store
from edgewise.store.exposures import ExposureCommands
from edgewise.types import Digest, PolicyRef
from edgewise.visitors.profile import Profile


class EventBatch:
    """The events of a batch, or of a part of it that links no ids. It is the `UpdateSource` of their updates.

    `may_add` is called before each new record. If it returns False, the record is not written. `count_reward` makes the
    command that counts a rewarding outcome of a policy, and whether its visitor consents.
    """

    def __init__(
        self,
        site: ServedSite,
        events: Sequence[ParsedEvent],
        records: ProfileRecords,
        may_add: Callable[[], bool] = lambda: True,
        count_reward: Callable[[PolicyRef, bool], Command] | None = None,
    ) -> None:
        self._site = site
        self._events = events
        self._records = records
        self._may_add = may_add
        self._count_reward = count_reward
        self._profiles = [Profile()] * len(events)
        self._repeated_orders: set[int] = set()

    async def resolve_visitors(self) -> None:
        """Load the records up to the history of each visitor.

        Raises:
            StoreError: the store does not answer.
        """
        for visitor in dict.fromkeys(visitor for event in self._events for visitor in event.visitors):
            await self._records.resolve(visitor)

    def updates(self) -> list[ProfileUpdate]:
        """Make one profile update for each visitor. Events apply in the order of the batch."""
        return self._updates(range(len(self._events)))

    def admitted(self, updates: Iterable[ProfileUpdate]) -> list[ProfileUpdate]:
        """The updates of stored profiles, and those of new ones that may be added."""
        return [update for update in updates if update.stored is not None or self._may_add()]

    def rebuild(self, lost: Sequence[ProfileUpdate]) -> list[ProfileUpdate]:
        return self._updates(sorted(position for update in lost for position in update.positions))

    def commands(self, store: Store) -> list[Command]:
        """The commands that append to the logs, bar actions and extend redirects.

        Call `updates` first. An entry has all ids of the visitor that were known when the event happened. An order that
        was counted before has no entry.
        """
        commands = [
            command
            for position, (event, profile) in enumerate(zip(self._events, self._profiles, strict=True))
            if position not in self._repeated_orders
            for command in self._append(store, event, profile)
        ]
        return commands + self._records.extend_commands(visitor for event in self._events for visitor in event.visitors)

    def _updates(self, positions: Iterable[int]) -> list[ProfileUpdate]:
        updates: dict[Digest, ProfileUpdate] = {}
        for position in positions:
            event = self._events[position]
            if event.visitors:
                root = self._records.find_root(event.visitors[-1])
                if root not in updates:
                    updates[root] = ProfileUpdate(root, self._records.stored(root))
                if updates[root].profile.repeats_order(event.activity):
                    self._repeated_orders.add(position)
                updates[root].add(position, event.activity, event.visitors, event.ids)
                self._profiles[position] = updates[root].profile
        return list(updates.values())

    def _append(self, store: Store, event: ParsedEvent, profile: Profile) -> Iterator[Command]:
        """Append one outcome, or one event for each policy that it rewards. Then bar actions."""
        name = event.activity.name
        if event.activity.kind != "track" or name is None:
            return
        digests = tuple(dict.fromkeys((*event.activity.ids, *profile.ids)))
        placements = self._site.placements.values()
        if event.outcome is not None:
            ref, outcome = event.outcome
            yield store.log.append_command(ref, encode(outcome))
            yield from self._count_rewards(event, [ref], name, outcome.value)
        elif refs := [one.ref for one in placements if name in one.compiled.policy.reward.events]:
            message = event.activity.message
            entry = encode(Event(digests, name, event.age, message))
            yield from (store.log.append_event_command(ref, message, entry, event.order) for ref in refs)
            yield from self._count_rewards(event, refs, name, None)
        yield from self._bar(event, name, digests, is_known=profile.sessions > 1)

    def _count_rewards(
        self, event: ParsedEvent, refs: Iterable[PolicyRef], name: str, value: float | None
    ) -> Iterator[Command]:
        """Count the outcome for the policies that it pays."""
        if self._count_reward is None:
            return
        for ref in refs:
            placement = self._site.placements.get(ref.placement)
            if placement is not None and (value or placement.policy.reward.events.get(name)):
                yield self._count_reward(ref, bool(event.activity.ids))

    def _bar(self, event: ParsedEvent, name: str, digests: Sequence[Digest], *, is_known: bool) -> Iterator[Command]:
        """Bar what the event's decision showed. Without a decision, bar all actions that its name bars."""
        ref, decision, slot = None, b"", None
        if event.outcome is not None:
            ref, outcome = event.outcome
            decision, slot = outcome.key, outcome.slot
        for placement in self._site.placements.values():
            if name in placement.compiled.not_after and ref in (None, placement.ref):
                for digest in digests:
                    exposures = ExposureCommands(self._site.name, digest, is_known=is_known)
                    yield exposures.bar_command(placement.ref.placement, name, decision, slot)
