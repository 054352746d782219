"""Exposure of visitors: how often they were shown an action, sticky choices, and bars after events.

Each visitor has one hash for each span: session, day and visitor. Only policies with caps, `not_after` or `sticky`
write them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from edgewise.store import keys
from edgewise.store.scripts import Argument, Command, Script
from edgewise.types import DECISION_KEY_BYTES, DecisionKey, Digest, Milliseconds, Span

TTL: Mapping[Span, Milliseconds] = {
    "session": 30 * 60 * 1000,
    "day": 24 * 3600 * 1000,
    "visitor": 365 * 24 * 3600 * 1000,
}
"""A session expires after its last call, a day after its first entry, and the visitor span as a profile does."""

UNKNOWN_TTL: Milliseconds = 7 * 24 * 3600 * 1000
"""The visitor span of a visitor who did not come back yet. It is never shortened."""

Fields = Mapping[bytes, bytes]
"""The stored hash of one span."""

# KEYS: one for each span in use.
# ARGV: for each key its TTL (0 keeps the old one), the field of exhausted caps, and for each key its expected value.
# Then the sticky choice: the index of its key (0: none), its field, its expected value, its new value.
# Then the latest decisions: the index of their key (0: none), the field prefix, the new value.
# Then for each counted action: the index of its key, its field, its cap.
# The reply is 1. If a value is not as expected, the reply is every hash, and nothing was written.
_reserve = Script("""
    local n = #KEYS
    local exhausted, sticky, latest, first = ARGV[n + 1], 2 * n + 2, 2 * n + 6, 2 * n + 9
    local function refused()
        local held = {}
        for i = 1, n do held[i] = redis.call('HGETALL', KEYS[i]) end
        return held
    end
    for i = 1, n do
        if (redis.call('HGET', KEYS[i], exhausted) or '') ~= ARGV[n + 1 + i] then return refused() end
    end
    local stuck, recent = tonumber(ARGV[sticky]), tonumber(ARGV[latest])
    if stuck > 0 and (redis.call('HGET', KEYS[stuck], ARGV[sticky + 1]) or '') ~= ARGV[sticky + 2] then
        return refused()
    end
    for i = first, #ARGV, 3 do
        local count = tonumber(redis.call('HGET', KEYS[tonumber(ARGV[i])], ARGV[i + 1]) or '0')
        if count >= tonumber(ARGV[i + 2]) then return refused() end
    end
    if stuck > 0 then redis.call('HSET', KEYS[stuck], ARGV[sticky + 1], ARGV[sticky + 3]) end
    if recent > 0 then
        local place = redis.call('HINCRBY', KEYS[recent], ARGV[latest + 1], 1) % 8
        redis.call('HSET', KEYS[recent], ARGV[latest + 1] .. ':' .. place, ARGV[latest + 2])
    end
    for i = first, #ARGV, 3 do
        local key = KEYS[tonumber(ARGV[i])]
        if redis.call('HINCRBY', key, ARGV[i + 1], 1) == tonumber(ARGV[i + 2]) then
            redis.call('HINCRBY', key, exhausted, 1)
        end
    end
    for i = 1, n do
        local ttl, left = tonumber(ARGV[i]), redis.call('PTTL', KEYS[i])
        if ttl == 0 and left == -1 then ttl = 86400000 end
        if ttl > left then redis.call('PEXPIRE', KEYS[i], ttl) end
    end
    return 1
""")
# KEYS: the visitor span. ARGV: TTL, the field of the bar, the prefix of the latest decisions, a decision's key (or ''),
# its slot (or -1 for all). With a decision, the bar covers what it showed. Without one, it covers every action.
_bar = Script("""
    local function bar(field)
        redis.call('HSET', KEYS[1], field, 1)
        if tonumber(ARGV[1]) > redis.call('PTTL', KEYS[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
    end
    if ARGV[4] == '' then return bar(ARGV[2]) end
    for place = 0, 7 do
        local shown = redis.call('HGET', KEYS[1], ARGV[3] .. ':' .. place)
        if shown and string.sub(shown, 1, #ARGV[4]) == ARGV[4] then
            local slot = 0
            for action in string.gmatch(string.sub(shown, #ARGV[4] + 1), '%z([^%z]+)') do
                if ARGV[5] == '-1' or tonumber(ARGV[5]) == slot then bar(ARGV[2] .. '\\0' .. action) end
                slot = slot + 1
            end
        end
    end
""")


class StickyWrite(NamedTuple):
    """A compare-and-set of a sticky choice from `old` (None: no choice) to `new`."""

    span: Span
    old: bytes | None
    new: bytes


class CountedView(NamedTuple):
    """One more view of an action, of at most `cap` in the span."""

    span: Span
    action: str
    cap: int


class ExposureCommands:
    """Builds the commands for one visitor's exposure. It expires soon while the visitor is not known."""

    def __init__(self, site: str, visitor: Digest, *, is_known: bool = True) -> None:
        self.is_known = is_known
        self._site = site
        self._visitor = visitor

    def read_commands(self, spans: Sequence[Span]) -> list[Command]:
        """Read the hash of each span. Decode each reply with `fields_of`."""
        return [("HGETALL", self._key(span)) for span in spans]

    def extend_session_commands(self, spans: Sequence[Span]) -> list[Command]:
        """Extend the TTL of the session."""
        return [("PEXPIRE", self._key(span), TTL[span]) for span in spans if span == "session"]

    def reserve_command(
        self,
        placement: str,
        spans: Sequence[Span],
        stored: Mapping[Span, Fields],
        sticking: StickyWrite | None,
        counted: Sequence[CountedView],
        latest: bytes | None,
    ) -> Command:
        """Count views and store a sticky choice, if exhausted caps and the choice are still as in `stored`.

        `latest` is from `latest_decision`. The reply is 1, or the present hash of each span if something changed.
        """
        exhausted = exhausted_field(placement)
        arguments: list[Argument] = [0 if span == "day" else self._ttl(span) for span in spans]
        arguments += [exhausted, *(stored[span].get(exhausted, b"") for span in spans)]
        if sticking is None:
            arguments += [0, b"", b"", b""]
        else:
            arguments += [spans.index(sticking.span) + 1, choice_field(placement), sticking.old or b"", sticking.new]
        arguments += [0, b"", b""] if latest is None else [spans.index("visitor") + 1, _latest(placement), latest]
        for one in counted:
            arguments += [spans.index(one.span) + 1, count_field(placement, one.action), one.cap]
        return _reserve.command([self._key(span) for span in spans], *arguments)

    def bar_command(self, placement: str, event: str, decision: bytes, slot: int | None) -> Command:
        """Bar what this decision showed. Without a decision (b""), bar every action with this event in `not_after`."""
        place = -1 if slot is None else slot
        arguments = (self._ttl("visitor"), bar_field(placement, event), _latest(placement), decision, place)
        return _bar.command([self._key("visitor")], *arguments)

    def _ttl(self, span: Span) -> Milliseconds:
        return UNKNOWN_TTL if span == "visitor" and not self.is_known else TTL[span]

    def _key(self, span: Span) -> str:
        return keys.exposure(self._site, self._visitor, span)


def fields_of(reply: Any) -> Fields:
    """Decode the hash of one span from a reply in either version of the store's protocol."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


def exhausted_field(placement: str) -> bytes:
    """The counter of exhausted caps. While it is unchanged, the set of allowed actions is unchanged."""
    return f"x:{placement}".encode()


def choice_field(placement: str) -> bytes:
    """The field of the sticky choice."""
    return f"s:{placement}".encode()


def count_field(placement: str, action: str) -> bytes:
    """The field that counts the views of an action."""
    return f"n:{placement}:{action}".encode()


def bar_field(placement: str, event: str, action: str | None = None) -> bytes:
    """The field of a bar, for one action or for every action with this event in `not_after`."""
    return f"b:{placement}:{event}".encode() + (b"" if action is None else b"\0" + action.encode())


def latest_decision(key: DecisionKey, actions: Iterable[str]) -> bytes:
    """Encode one of the latest decisions: its key, then each action after a NUL."""
    return key + b"".join(b"\0" + action.encode() for action in actions)


def read_field(field: bytes, value: bytes) -> dict[str, Any]:
    """Read one stored field. The result has the `placement` and the names of one of these kinds:

    - `action`, `shown`: how often the action was shown
    - `caps_reached`: how many caps were reached
    - `sticks`: the encoded choice that sticks
    - `not_again_after`, `action`: the event that barred the action, or every action if that is None
    - `decision`, `actions`: the key of one of the latest decisions, and the actions that it showed
    - `decisions`: how many decisions were kept as the latest so far
    - `kind`, `name`, `value`: a field of another release
    """
    kind, _, rest = field.decode().partition(":")
    placement, _, name = rest.partition(":")
    return {"placement": placement, **_read_value(kind, name, value)}


def _read_value(kind: str, name: str, value: bytes) -> dict[str, Any]:
    match kind:
        case "n":
            return {"action": name, "shown": int(value)}
        case "x":
            return {"caps_reached": int(value)}
        case "s":
            return {"sticks": value}
        case "b":
            event, _, action = name.partition("\0")
            return {"not_again_after": event, "action": action or None}
        case "d" if name:
            key, actions = value[:DECISION_KEY_BYTES], value[DECISION_KEY_BYTES + 1 :].split(b"\0")
            return {"decision": key, "actions": [action.decode() for action in actions]}
        case "d":
            return {"decisions": int(value)}
        case _:
            return {"kind": kind, "name": name, "value": value}


def _latest(placement: str) -> bytes:
    return f"d:{placement}".encode()
