from __future__ import annotations

from edgewise.entries import Event
from edgewise.ids.visitor import anonymous_digest, message_digest, user_digest
from edgewise.visitors.message import Message
from tests.events.recording import ORDER, Recording, order


async def test_log_has_the_order_of_the_batch(recording: Recording) -> None:
    many = [
        recording.linked("$impression") if number % 2 else order(f"m{number}", anonymous_id=f"v{number % 7}")
        for number in range(300)
    ]
    # A store that does not have a script yet executes its commands after the others.
    await recording.record(order("first", anonymous_id="v"))
    assert await recording.record(*many) == []
    assert [entry.name for entry in await recording.entries()] == [ORDER, *(message.event for message in many)]


async def test_event_is_appended_once_and_outcome_each_time_it_is_sent(recording: Recording) -> None:
    for _ in range(3):
        await recording.record(order("m1", anonymous_id="v"), recording.linked("$click"))
    assert [entry.name for entry in await recording.entries()] == [ORDER, "$click", "$click", "$click"]


async def test_event_has_the_ids_that_were_linked_before_it(recording: Recording) -> None:
    await recording.record(
        Message("identify", anonymous_id="phone", user_id="u"),
        Message("identify", anonymous_id="laptop", user_id="u"),
        order("m1", user_id="u"),
        Message("identify", anonymous_id="tablet", user_id="u"),
    )
    (event,) = await recording.entries()
    assert isinstance(event, Event)
    assert event.visitor[0] == user_digest("u")
    assert set(event.visitor[1:]) == {anonymous_digest("phone"), anonymous_digest("laptop")}
    assert event.message == message_digest("m1")


async def test_event_of_a_second_user_on_a_shared_device_lacks_the_first_users_ids(recording: Recording) -> None:
    """Else an order of one user would reward what another one saw at home."""
    await recording.record(Message("identify", anonymous_id="home", user_id="one"))
    await recording.record(Message("identify", anonymous_id="shared", user_id="one"))
    await recording.record(order("m1", anonymous_id="shared", user_id="two"))
    event = (await recording.entries())[-1]
    assert isinstance(event, Event)
    assert set(event.visitor) == {anonymous_digest("shared"), user_digest("two")}
