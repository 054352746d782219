from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.ids.visitor import as_anonymous, as_user
from edgewise.types import Digest
from edgewise.visitors.identity import (
    Moved,
    Unread,
    Write,
    finishing,
    ids_in,
    linking,
    moved,
    readable,
    resolved,
    root,
)
from tests.visitors.acts import NOW, act, lived

BROWSERS = [as_anonymous(b"browser%d" % number) for number in range(4)]
USERS = [as_user(b"user-id%d" % number) for number in range(3)]

events = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(BROWSERS + USERS)),
    st.tuples(st.just("link"), st.sampled_from(BROWSERS), st.sampled_from(USERS)),
    st.tuples(st.just("alias"), st.sampled_from(USERS), st.sampled_from(USERS)),
)


class Shelf:
    """A store of compare-and-set. What a worker read may be older than what is there."""

    def __init__(self) -> None:
        self.records: dict[Digest, bytes | None] = dict.fromkeys(BROWSERS + USERS)

    def write(self, write: Write) -> bool:
        if self.records[write.visitor] != write.old:
            return False
        assert len(write.new) <= 4096
        self.records[write.visitor] = write.new
        return True


class Worker:
    """Takes one event at a time, one write at a time; it reads only what it must, and again what it lost a race for."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.begin(None)

    def begin(self, event: tuple[object, ...] | None, message: int = 0) -> None:
        self.event, self.message = event, message
        self.known: dict[Digest, bytes | None] = {}

    def step(self) -> bool:
        """One write or one read; whether the event is done."""
        if self.event is None:
            return True
        try:
            write = self._next()
        except Unread as unread:
            self.known[unread.visitor] = self.shelf.records[unread.visitor]
            return False
        if write is None:
            self.event = None
            return True
        if self.shelf.write(write):
            self.known[write.visitor] = write.new
        else:
            self.known[write.visitor] = self.shelf.records[write.visitor]
        return False

    def _next(self) -> Write | None:
        assert self.event is not None
        if self.event[0] != "order":
            _, known_as, user = self.event
            assert isinstance(known_as, bytes)
            assert isinstance(user, bytes)
            return linking(known_as, user, self.known)
        _, visitor = self.event
        assert isinstance(visitor, bytes)
        if (write := finishing(visitor, self.known)) is not None:
            return write
        goal = root(visitor, self.known)
        before = readable(self.known[goal])
        after = before.apply(act("Order Completed", NOW, self.message, (visitor,), 1.0))
        return None if after == before else Write(goal, self.known[goal], after.encode())

    def finish(self) -> None:
        for _ in range(500):
            if self.step():
                return
        raise AssertionError(f"{self.event} never ends")


def orders(shelf: Shelf) -> int:
    return sum(readable(stored).orders for stored in shelf.records.values() if stored and moved(stored) is None)


def settle(shelf: Shelf) -> None:
    for visitor in shelf.records:
        while (write := finishing(visitor, shelf.records)) is not None:
            assert shelf.write(write)


@given(st.lists(events, max_size=12), st.data())
def test_interrupted_anywhere_and_repeated_by_many_at_once_nothing_is_lost_or_counted_twice(
    told: list[tuple[object, ...]], data: st.DataObject
) -> None:
    shelf = Shelf()
    workers = [Worker(shelf) for _ in range(3)]
    for message, event in enumerate(told):
        worker = data.draw(st.sampled_from(workers))
        worker.begin(event, message)  # Whatever it was at is left as it is.
        for _ in range(data.draw(st.integers(0, 12))):
            data.draw(st.sampled_from(workers)).step()
    for _ in range(2):
        for message, event in enumerate(told):
            workers[0].begin(event, message)
            workers[0].finish()
    settle(shelf)
    happened = sum(event[0] == "order" for event in told)
    links = {event[1:] for event in told if event[0] == "link"}
    if len(links) == len({browser for browser, _ in links}):
        assert orders(shelf) == happened
    else:  # What is sent again from a device that was handed on in between is told of its new user too.
        assert orders(shelf) >= happened


@given(
    st.permutations(
        [("order", browser) for browser in BROWSERS] + [("link", browser, USERS[0]) for browser in BROWSERS]
    )
)
def test_in_whatever_order_devices_are_told_of_the_history_is_the_same(told: list[tuple[object, ...]]) -> None:
    shelf = Shelf()
    worker = Worker(shelf)
    messages = {browser: number for number, browser in enumerate(BROWSERS)}
    for event in told:
        browser = event[1]
        assert isinstance(browser, bytes)
        worker.begin(event, messages[browser])
        worker.finish()
    profile = resolved(BROWSERS[0], shelf.records)
    assert profile is not None
    assert (profile.orders, profile.revenue, set(profile.ids)) == (4, 4.0, set(BROWSERS))
    assert all(root(browser, shelf.records) == USERS[0] for browser in BROWSERS)


@given(st.integers(0, 2))
def test_who_reads_a_half_moved_history_sees_all_of_it(steps: int) -> None:
    shelf = Shelf()
    shelf.records[BROWSERS[0]] = lived(act("Order Completed", message=1, amount=5.0, ids=(BROWSERS[0],))).encode()
    shelf.records[USERS[0]] = lived(act("Order Completed", message=2, amount=7.0)).encode()
    for _ in range(steps):
        write = linking(BROWSERS[0], USERS[0], shelf.records)
        assert write is not None
        assert shelf.write(write)
    profile = resolved(BROWSERS[0], shelf.records)
    assert profile is not None
    assert profile.revenue == (5.0 if steps == 0 else 12.0)


def test_two_users_who_are_one_have_one_root_whoever_is_told_first() -> None:
    for first, second in (USERS[:2], USERS[1::-1]):
        shelf = Shelf()
        for known_as, user in ((first, second), (second, first)):
            while (write := linking(known_as, user, shelf.records)) is not None:
                assert shelf.write(write)
        assert root(USERS[0], shelf.records) == root(USERS[1], shelf.records) == USERS[1]


def test_a_profile_of_an_older_format_begins_anew_wherever_it_is_met() -> None:
    records: dict[Digest, bytes | None] = {BROWSERS[0]: b"\x9a\x01old", USERS[0]: b"\x9a\x01old"}
    while (write := linking(BROWSERS[0], USERS[0], records)) is not None:
        records[write.visitor] = write.new
    profile = resolved(BROWSERS[0], records)
    assert profile is not None
    assert (profile.sessions, profile.ids) == (0, ())


def test_all_ids_of_a_half_moved_history_are_known() -> None:
    profile = lived(act(ids=(BROWSERS[0], BROWSERS[1])))
    assert set(ids_in(Moved(USERS[0], profile.encode()).encode())) == {USERS[0], BROWSERS[0], BROWSERS[1]}
    assert ids_in(Moved(USERS[0], b"").encode()) == (USERS[0],)
