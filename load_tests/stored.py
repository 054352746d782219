"""What the store has of what was measured: whether it is all there, and how many bytes it takes."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

from msgspec import Struct
from redis.asyncio import Redis

from edgewise.entries import Decision, decode
from edgewise.ids.visitor import anonymous_digest
from edgewise.store import keys
from edgewise.types import PolicyRef, StreamId
from load_tests import shop
from load_tests.client import Mismeasured
from load_tests.stage import Stage

_SAMPLE = 1000


class Size(Struct, frozen=True):
    """Mean bytes of one thing: as it is encoded, and in the store's memory with all that it needs there."""

    encoded: float
    stored: float


class Appended:
    """What is appended to one policy's log from here on."""

    def __init__(self, stage: Stage, ref: PolicyRef, start: StreamId, length: int, memory: int) -> None:
        self._stage = stage
        self._ref = ref
        self._start = start
        self._length = length
        self._memory = memory

    @classmethod
    async def from_here(cls, stage: Stage, ref: PolicyRef) -> Appended:
        last = await stage.store.log.last_id(ref)
        assert last is not None  # Every log begins with its policy's version.
        length = await stage.store.log.length(ref)
        return cls(stage, ref, StreamId(last.ms, last.seq + 1), length, await _memory(stage, [keys.log(ref)]))

    async def check(self, answered: int, candidates: int) -> Size:
        """See that these are so many decisions, each drawn by a model for a visitor that was known; their size.

        Raises:
            Mismeasured: they are not.
        """
        appended = await self._stage.store.log.length(self._ref) - self._length
        if appended != answered:
            raise Mismeasured(f"log: found {appended} new entries, expected one for each of {answered} decisions")
        memory = await _memory(self._stage, [keys.log(self._ref)]) - self._memory
        page = (await self._stage.store.log.read({self._ref: self._start}, _SAMPLE))[self._ref]
        for _, data in page.entries:
            _check_decision(data, candidates)
        return Size(mean(len(data) for _, data in page.entries), memory / appended)


async def profile_size(stage: Stage) -> Size:
    """The size of a visitor's profile.

    Raises:
        Mismeasured: a visitor has none.
    """
    visitors = [anonymous_digest(visitor) for visitor in shop.VISITORS]
    profiles = [await stage.store.profiles.read(shop.SITE, visitor) for visitor in visitors]
    known = [profile for profile in profiles if profile is not None]
    if len(known) < len(visitors):
        raise Mismeasured(f"store: found {len(known)} profiles, expected one of each of {len(visitors)} visitors")
    memory = await _memory(stage, [keys.profile(shop.SITE, visitor) for visitor in visitors])
    return Size(mean(map(len, known)), memory / len(visitors))


def _check_decision(data: bytes, candidates: int) -> None:
    entry = decode(data)
    is_real = (
        isinstance(entry, Decision)
        and entry.group == "policy"
        and entry.model_version > 0
        and [len(slot.propensities) for slot in entry.slots] == [candidates]
        and " returning=%true" in entry.context
    )
    if not is_real:
        expected = f"a decision by a model among {candidates} actions, for a visitor who returns"
        raise Mismeasured(f"log: found {entry!r}, expected {expected}")


async def _memory(stage: Stage, names: Iterable[str]) -> int:
    async with Redis.from_url(stage.store_url) as redis:
        return sum([await redis.memory_usage(name, samples=0) or 0 for name in names])
