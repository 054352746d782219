from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edgewise.ids.visitor import as_anonymous, as_user
from edgewise.types import Digest
from edgewise.visitors.identity import (
    RecordNotLoaded,
    Redirect,
    Write,
    find_root,
    plan_link,
    plan_move,
    plan_shortcuts,
    read_ids,
    read_profile,
    read_redirect,
    resolve_profile,
)
from tests.visitors.activities import NOW, make_activity, make_profile

BROWSERS = [as_anonymous(b"browser%d" % number) for number in range(4)]
USERS = [as_user(b"user-id%d" % number) for number in range(3)]

events = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(BROWSERS + USERS)),
    st.tuples(st.just("link"), st.sampled_from(BROWSERS), st.sampled_from(USERS)),
    st.tuples(st.just("alias"), st.sampled_from(USERS), st.sampled_from(USERS)),
)


class MemoryStore:
    """A store with compare-and-set. A worker may have read an older record."""

    def __init__(self) -> None:
        self.records: dict[Digest, bytes | None] = dict.fromkeys(BROWSERS + USERS)

    def write(self, write: Write) -> bool:
        if self.records[write.visitor] != write.old:
            return False
        assert len(write.new) <= 4096
        self.records[write.visitor] = write.new
        return True


class Worker:
    """Processes one event at a time, one write at a time. It loads only missing records, and those that it lost."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.begin(None)

    def begin(self, event: tuple[object, ...] | None, message: int = 0) -> None:
        self.event, self.message = event, message
        self.known: dict[Digest, bytes | None] = {}

    def step(self) -> bool:
        """Do one write or one read. Return whether the event is done."""
        if self.event is None:
            return True
        try:
            write = self._next()
        except RecordNotLoaded as unread:
            self.known[unread.visitor] = self.store.records[unread.visitor]
            return False
        if write is None:
            self.event = None
            return True
        if self.store.write(write):
            self.known[write.visitor] = write.new
        else:
            self.known[write.visitor] = self.store.records[write.visitor]
        return False

    def _next(self) -> Write | None:
        assert self.event is not None
        if self.event[0] != "order":
            _, known_as, user = self.event
            assert isinstance(known_as, bytes)
            assert isinstance(user, bytes)
            return plan_link(known_as, user, self.known)
        _, visitor = self.event
        assert isinstance(visitor, bytes)
        if (write := plan_move(visitor, self.known)) is not None:
            return write
        goal = find_root(visitor, self.known)
        before = read_profile(self.known[goal])
        after = before.apply(make_activity("Order Completed", NOW, self.message, (visitor,), 1.0))
        return None if after == before else Write(goal, self.known[goal], after.encode())

    def finish(self) -> None:
        for _ in range(500):
            if self.step():
                return
        raise AssertionError(f"{self.event} never ends.")


def orders(store: MemoryStore) -> int:
    return sum(
        read_profile(stored).orders for stored in store.records.values() if stored and read_redirect(stored) is None
    )


def settle(store: MemoryStore) -> None:
    for visitor in store.records:
        while (write := plan_move(visitor, store.records)) is not None:
            assert store.write(write)


@given(st.lists(events, max_size=12), st.data())
def test_interrupted_and_repeated_moves_lose_nothing_and_count_nothing_twice(
    happened: list[tuple[object, ...]], data: st.DataObject
) -> None:
    store = MemoryStore()
    workers = [Worker(store) for _ in range(3)]
    for message, event in enumerate(happened):
        worker = data.draw(st.sampled_from(workers))
        worker.begin(event, message)  # It abandons its event before.
        for _ in range(data.draw(st.integers(0, 12))):
            data.draw(st.sampled_from(workers)).step()
    for _ in range(2):
        for message, event in enumerate(happened):
            workers[0].begin(event, message)
            workers[0].finish()
    settle(store)
    ordered = sum(event[0] == "order" for event in happened)
    links = {event[1:] for event in happened if event[0] == "link"}
    if len(links) == len({browser for browser, _ in links}):
        assert orders(store) == ordered
    else:  # A repeated message of a shared device counts for its new user too.
        assert orders(store) >= ordered


@given(
    st.permutations(
        [("order", browser) for browser in BROWSERS] + [("link", browser, USERS[0]) for browser in BROWSERS]
    )
)
def test_merged_history_does_not_depend_on_the_order_of_events(happened: list[tuple[object, ...]]) -> None:
    store = MemoryStore()
    worker = Worker(store)
    messages = {browser: number for number, browser in enumerate(BROWSERS)}
    for event in happened:
        browser = event[1]
        assert isinstance(browser, bytes)
        worker.begin(event, messages[browser])
        worker.finish()
    profile = resolve_profile(BROWSERS[0], store.records)
    assert profile is not None
    assert (profile.orders, profile.revenue, set(profile.ids)) == (4, 4.0, set(BROWSERS))
    assert all(find_root(browser, store.records) == USERS[0] for browser in BROWSERS)


@given(st.integers(0, 2))
def test_half_moved_history_is_read_as_a_whole(steps: int) -> None:
    store = MemoryStore()
    first = make_activity("Order Completed", message=1, amount=5.0, ids=(BROWSERS[0],))
    store.records[BROWSERS[0]] = make_profile(first).encode()
    store.records[USERS[0]] = make_profile(make_activity("Order Completed", message=2, amount=7.0)).encode()
    for _ in range(steps):
        write = plan_link(BROWSERS[0], USERS[0], store.records)
        assert write is not None
        assert store.write(write)
    profile = resolve_profile(BROWSERS[0], store.records)
    assert profile is not None
    assert profile.revenue == (5.0 if steps == 0 else 12.0)


def test_two_linked_users_have_the_same_root_in_either_order() -> None:
    for first, second in (USERS[:2], USERS[1::-1]):
        store = MemoryStore()
        for known_as, user in ((first, second), (second, first)):
            while (write := plan_link(known_as, user, store.records)) is not None:
                assert store.write(write)
        assert find_root(USERS[0], store.records) == find_root(USERS[1], store.records) == USERS[1]


def test_profile_of_an_older_format_is_read_as_an_empty_one() -> None:
    records: dict[Digest, bytes | None] = {BROWSERS[0]: b"\x9a\x01old", USERS[0]: b"\x9a\x01old"}
    while (write := plan_link(BROWSERS[0], USERS[0], records)) is not None:
        records[write.visitor] = write.new
    profile = resolve_profile(BROWSERS[0], records)
    assert profile is not None
    assert (profile.sessions, profile.ids) == (0, ())


def test_ids_of_a_half_moved_history_are_read() -> None:
    profile = make_profile(make_activity(ids=(BROWSERS[0], BROWSERS[1])))
    assert set(read_ids(Redirect(USERS[0], profile.encode()).encode())) == {USERS[0], BROWSERS[0], BROWSERS[1]}
    assert read_ids(Redirect(USERS[0], b"").encode()) == (USERS[0],)


def chain(length: int) -> tuple[list[Digest], dict[Digest, bytes | None]]:
    """Ids that redirect one to the next, and the profile of the last one."""
    ids = [as_user(number.to_bytes(8, "big")) for number in range(length)]
    records: dict[Digest, bytes | None] = {id: Redirect(to, b"").encode() for id, to in itertools.pairwise(ids)}
    records[ids[-1]] = make_profile(make_activity("Order Completed", message=1, amount=5.0)).encode()
    return ids, records


def test_a_chain_of_any_length_leads_to_its_history() -> None:
    ids, records = chain(20_000)
    assert find_root(ids[0], records) == ids[-1]
    assert plan_move(ids[0], records) is None
    profile = resolve_profile(ids[0], records)
    assert profile is not None
    assert profile.revenue == 5.0
    assert plan_link(ids[0], ids[1], records) is None


@given(st.integers(2, 12), st.data())
def test_shortcuts_lead_every_id_to_the_same_history(length: int, data: st.DataObject) -> None:
    ids, records = chain(length)
    first = data.draw(st.integers(0, length - 2))
    end = data.draw(st.integers(first + 1, length - 1))
    for write in plan_shortcuts(ids[first:end], ids[end], records):
        assert records[write.visitor] == write.old
        records[write.visitor] = write.new
    assert {find_root(id, records) for id in ids} == {ids[-1]}
    assert all(records[id] == Redirect(ids[end], b"").encode() for id in ids[first:end])


def test_no_shortcut_passes_a_half_moved_history_by() -> None:
    ids, records = chain(4)
    records[ids[1]] = Redirect(ids[2], make_profile(make_activity()).encode()).encode()
    assert plan_shortcuts(ids[:3], ids[3], records) == []


def test_ids_of_nested_redirects_are_read_without_recursion() -> None:
    stored = make_profile(make_activity(ids=(BROWSERS[0],))).encode()
    for _ in range(5000):
        stored = Redirect(USERS[0], stored).encode()
    assert set(read_ids(stored)) == {USERS[0], BROWSERS[0]}
