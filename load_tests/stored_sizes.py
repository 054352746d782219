"""Checks that the store has all decisions of a measurement, and measures their size."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

from msgspec import Struct
from redis.asyncio import Redis

from edgewise.entries import Decision, decode
from edgewise.ids.visitor import anonymous_digest
from edgewise.store import keys
from edgewise.types import PolicyRef, StreamId
from load_tests import bench_shop
from load_tests.environment import BenchEnvironment
from load_tests.load_client import MeasurementError

_SAMPLE = 1000


class ByteSizes(Struct, frozen=True):
    """Mean bytes of one item: encoded, and in the store's memory with all overhead."""

    encoded: float
    stored: float


class LogGrowth:
    """The growth of one policy's log since a start."""

    def __init__(
        self, environment: BenchEnvironment, ref: PolicyRef, start: StreamId, length: int, memory: int
    ) -> None:
        self._stage = environment
        self._ref = ref
        self._start = start
        self._length = length
        self._memory = memory

    @classmethod
    async def since_now(cls, environment: BenchEnvironment, ref: PolicyRef) -> LogGrowth:
        last = await environment.store.log.last_id(ref)
        assert last is not None  # Every log begins with a version of its policy.
        length = await environment.store.log.length(ref)
        return cls(
            environment, ref, StreamId(last.ms, last.seq + 1), length, await _memory(environment, [keys.log(ref)])
        )

    async def check(self, answered: int, candidates: int) -> ByteSizes:
        """Check that the new entries are decisions of a model for returning visitors, and return their size.

        Raises:
            MeasurementError: They are not.
        """
        appended = await self._stage.store.log.length(self._ref) - self._length
        if appended != answered:
            raise MeasurementError(f"Expected {answered} new log entries, one per decision, found {appended}.")
        memory = await _memory(self._stage, [keys.log(self._ref)]) - self._memory
        page = (await self._stage.store.log.read({self._ref: self._start}, _SAMPLE))[self._ref]
        for _, data in page.entries:
            _check_decision(data, candidates)
        return ByteSizes(mean(len(data) for _, data in page.entries), memory / appended)


async def profile_size(environment: BenchEnvironment) -> ByteSizes:
    """The size of a visitor's profile.

    Raises:
        MeasurementError: A visitor has no profile.
    """
    visitors = [anonymous_digest(visitor) for visitor in bench_shop.VISITORS]
    profiles = [await environment.store.profiles.read(bench_shop.SITE, visitor) for visitor in visitors]
    found = [profile for profile in profiles if profile is not None]
    if len(found) < len(visitors):
        raise MeasurementError(f"Expected {len(visitors)} profiles, one per visitor, found {len(found)}.")
    memory = await _memory(environment, [keys.profile(bench_shop.SITE, visitor) for visitor in visitors])
    return ByteSizes(mean(map(len, found)), memory / len(visitors))


def _check_decision(data: bytes, candidates: int) -> None:
    entry = decode(data)
    is_valid = (
        isinstance(entry, Decision)
        and entry.group == "policy"
        and entry.model_version > 0
        and [len(slot.propensities) for slot in entry.slots] == [candidates]
        and " returning=%true" in entry.context
    )
    if not is_valid:
        expected = f"a decision of a model among {candidates} actions for a returning visitor"
        raise MeasurementError(f"Expected {expected}, found log entry {entry!r}.")


async def _memory(environment: BenchEnvironment, names: Iterable[str]) -> int:
    async with Redis.from_url(environment.store_url) as redis:
        return sum([await redis.memory_usage(name, samples=0) or 0 for name in names])
