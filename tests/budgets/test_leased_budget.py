from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from edgewise.budgets.leased_budget import SUBJECTS, LeasedBudget, Limit
from edgewise.store import Store
from edgewise.types import Milliseconds
from tests.eventually import eventually
from tests.valkey import Valkey

HOUR: Milliseconds = 3_600_000


def budget(store: Store, most: int, chunk: int, period: Milliseconds = HOUR, *, credit: int = 1000) -> LeasedBudget:
    return LeasedBudget(store, Limit("calls", most, period, chunk, credit), b"secret")


def take(budget: LeasedBudget, subject: str, count: int = 1) -> bool:
    return budget.take(("shop", subject), count)


async def use(budget: LeasedBudget, subject: str, count: int) -> int:
    """Use the budget one by one, and let replies of the store arrive in between. Return the granted uses."""
    granted = 0
    for _ in range(count):
        granted += take(budget, subject)
        await asyncio.sleep(0.001)
    return granted


async def until(condition: Callable[[], bool]) -> None:
    async def check() -> bool:
        return condition()

    await eventually(check)


async def test_an_ordinary_visitor_causes_no_command(store: Store, valkey: Valkey) -> None:
    assert await use(budget(store, 3000, 60), "visitor", 30) == 30
    assert valkey.execute("DBSIZE") == ":0\r\n"


async def test_workers_share_the_budget_of_a_subject(store: Store) -> None:
    workers = [budget(store, 100, 10) for _ in range(3)]
    granted = sum([await use(worker, "greedy", 100) for worker in workers])
    assert 100 <= granted <= 100 + 3 * 10, "each worker has a free chunk"
    assert all([await use(worker, "other", 5) == 5 for worker in workers])


async def test_a_burst_is_granted_while_the_lease_is_under_way(store: Store) -> None:
    worker = budget(store, 1000, 20)
    assert sum(take(worker, "class") for _ in range(500)) == 500
    await until(lambda: not worker._leases["shop", "class"].asked)
    assert not take(worker, "class", 2000)


async def test_without_credit_a_burst_gets_only_what_is_leased(store: Store) -> None:
    worker = budget(store, 100, 20, credit=0)
    assert sum(take(worker, "decision") for _ in range(500)) == 20
    assert await use(worker, "decision", 300) <= 100


async def test_the_budget_refills(store: Store) -> None:
    worker = budget(store, 20, 10, period=400)
    assert await use(worker, "v", 60) < 60
    await until(lambda: take(worker, "v"))


async def test_a_limit_of_zero_never_refuses(store: Store) -> None:
    worker = budget(store, 0, 10)
    assert all(take(worker, "v", 1000) for _ in range(100))


async def test_without_a_store_the_worker_grants_at_the_rate_of_the_budget(store: Store, valkey: Valkey) -> None:
    worker = budget(store, 1000, 20)
    valkey.kill()
    try:
        granted = await use(worker, "v", 300)
    finally:
        valkey.restart()
    assert 20 <= granted < 300


async def test_a_corrected_clock_of_the_store_delays_a_subject_by_one_period_at_most(
    store: Store, valkey: Valkey
) -> None:
    worker = budget(store, 20, 10, period=300)
    await use(worker, "v", 40)
    (key,) = valkey.execute("KEYS *").split()[-1:]
    valkey.execute(f"SET {key} 9999999999999999")
    await until(lambda: take(worker, "v"))


async def test_a_worker_remembers_a_bounded_number_of_subjects(store: Store) -> None:
    worker = budget(store, 100, 10)
    for number in range(SUBJECTS + 100):
        take(worker, str(number))
    assert len(worker._leases) == SUBJECTS


async def test_no_subject_is_readable_in_the_store(store: Store, valkey: Valkey) -> None:
    await use(budget(store, 100, 10), "203.0.113.7", 50)
    keys = valkey.execute("KEYS *")
    assert "calls" in keys
    assert "203.0.113.7" not in keys


@pytest.mark.parametrize("period", [1000, 60_000, HOUR])
async def test_a_budget_expires_within_its_period(store: Store, valkey: Valkey, period: Milliseconds) -> None:
    await use(budget(store, 100, 10, period), "v", 50)
    (key,) = valkey.execute("KEYS *").split()[-1:]
    assert 0 < int(valkey.execute(f"PTTL {key}")[1:]) <= period + 1
