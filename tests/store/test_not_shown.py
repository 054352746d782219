from __future__ import annotations

from edgewise.store import Store, keys
from edgewise.types import Digest, NotShownReason, PolicyRef

DAY = 24 * 3600 * 1000
NOW = 20_000 * DAY


async def add(store: Store, ref: PolicyRef, reason: NotShownReason, message: Digest, now: int = NOW) -> int:
    (reply,) = await store._client.execute_all([store.not_shown.add_command(ref, reason, message, now)])
    return int(reply)


async def test_a_message_counts_once_for_its_policy_and_reason(store: Store, ref: PolicyRef) -> None:
    for message in (b"message1", b"message2", b"message1"):
        await add(store, ref, "late", message)
    await add(store, ref, "moved", b"message1")
    assert await store.not_shown.count(ref, NOW) == {"late": 2, "moved": 1, "timeout": 0}
    assert await store.not_shown.count(PolicyRef("shop", "other"), NOW) == {"late": 0, "moved": 0, "timeout": 0}


async def test_a_count_covers_seven_days_and_their_messages_once(store: Store, ref: PolicyRef) -> None:
    for day in range(8):
        await add(store, ref, "late", b"message%d" % day, NOW - day * DAY)
    await add(store, ref, "late", b"message0", NOW - DAY)
    assert (await store.not_shown.count(ref, NOW))["late"] == 7


async def test_the_first_view_of_a_policy_is_known_as_such(store: Store, ref: PolicyRef) -> None:
    assert await add(store, ref, "late", b"message1") == 1
    assert await add(store, ref, "late", b"message2") == 0
    assert await add(store, ref, "moved", b"message1") == 0


async def test_every_key_expires_and_a_count_has_at_most_12_kilobytes(store: Store, ref: PolicyRef) -> None:
    messages = [number.to_bytes(8, "big") for number in range(5000)]
    await store._client.execute_all([store.not_shown.add_command(ref, "late", one, NOW) for one in messages])
    assert abs((await store.not_shown.count(ref, NOW))["late"] - 5000) < 250
    counts, notice = keys.not_shown(ref, "late", NOW // DAY), keys.not_shown_notice(ref)
    size, *lives = await store._client.execute_all([("MEMORY USAGE", counts), ("TTL", counts), ("TTL", notice)])
    assert size < 13_000
    assert all(0 < life <= 7 * 24 * 3600 for life in lives)
