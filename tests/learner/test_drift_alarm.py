from __future__ import annotations

import asyncio

import pytest

from edgewise.learner.drift_alarm import DriftAlarm
from edgewise.store import Store
from edgewise.types import PolicyRef

HERO, ROW = PolicyRef("shop", "hero"), PolicyRef("shop", "row")
NOW = 1_700_000_000_000


async def test_the_alarm_is_logged_once_and_again_after_it_was_over(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def count(source: bytes) -> None:
        command = store.reward_sources.count_command(HERO, source, NOW)
        await store.pipeline.submit(command, asyncio.get_running_loop().time() + 60)

    alarm = DriftAlarm(store)
    for _ in range(150):
        await count(b"attacker")
    for _ in range(3):
        await alarm.check([HERO, ROW], NOW)
    (message,) = caplog.messages
    assert message.startswith("shop/hero: 3 addresses brought 100% of 150 rewards in two days.")
    assert "attacker" not in message
    for number in range(200):
        await count(b"%08d" % number)
    await alarm.check([HERO, ROW], NOW)
    for _ in range(150):
        await count(b"attacker")
    await alarm.check([HERO, ROW], NOW)
    assert len(caplog.messages) == 2
