"""Random logs: decisions under several versions, outcomes, events, ticks and cuts, with all their troubles."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from edgewise.bandit.shape import Shape, shape_of
from edgewise.entries import Cut, Decision, Entry, Event, Outcome, Robot, SlotChoice, Tick, Version
from edgewise.policies.policy import Action, Algorithm, Explore, Policy, Reward
from edgewise.types import Digest, StreamId

ACTIONS = tuple(Action(f"action {n}", {"tone": "young" if n % 2 else "old", "size": n}) for n in range(4))
VISITORS: tuple[Digest, ...] = tuple(bytes([n]) * 8 for n in range(1, 5))


def policies(algorithm: Algorithm = "squarecb") -> dict[Digest, Policy]:
    """Versions of one shape that differ in everything that an edit may change without losing the model."""
    first = Policy(
        "row",
        ACTIONS,
        ("action 0", "action 1"),
        slots=2,
        explore=Explore(algorithm),
        reward=Reward(window=50, impression_within=80, events={"$click": 0.25, "bought": 1.0}),
    )
    second = replace(
        first,
        actions=ACTIONS[:3],
        reward=Reward(
            window=200, impression_within=30, combine="max", attribute="all", low=-1.0, high=2.0, events={"bought": 1.5}
        ),
    )
    third = replace(
        first,
        explore=Explore(algorithm, mode="frozen"),
        reward=Reward(window=120, impression_within=300, combine="first", default=0.1, events={"$click": 0.5}),
    )
    return {bytes([n]) * 8: policy for n, policy in enumerate((first, second, third), start=101)}


def shape(algorithm: Algorithm = "squarecb") -> Shape:
    """The real command line with a small table of weights, which is quicker to make, and one digest for all."""
    command = " ".join(shape_of(next(iter(policies(algorithm).values()))).command)
    return Shape(tuple(command.replace("-b 18", "-b 10").split()), b"oneshape")


@st.composite
def logs(draw: st.DrawFn, most: int = 40) -> list[tuple[StreamId, Entry]]:
    """A log of up to `most` entries, ids ascending, milliseconds close enough together for everything to interfere."""
    versions = policies()
    first = next(iter(versions))
    log: list[tuple[StreamId, Entry]] = [(StreamId(1000, 0), Version(first, shape().digest))]
    keys: list[bytes] = []
    for number in range(draw(st.integers(0, most))):
        ms, seq = log[-1][0]
        step = draw(st.sampled_from((0, 0, 1, 5, 20, 60, 150)))
        id = StreamId(ms + step, 0 if step else seq + 1)
        log.append((id, draw(_entries(number, keys, versions))))
    return log


@st.composite
def _entries(draw: st.DrawFn, number: int, keys: list[bytes], versions: dict[Digest, Policy]) -> Entry:
    kind = draw(st.sampled_from("dddoooooeeetvx"))
    if kind == "d" or (kind == "o" and not keys):
        keys.append(number.to_bytes(12, "big"))
        return draw(_decisions(keys[-1], versions))
    ages = st.sampled_from((0, 0, 0, 3, 40, 500))
    messages = st.integers(0, 5).map(lambda n: bytes([n]) * 8)
    if kind == "o":
        name = draw(st.sampled_from(("$impression", "$impression", "$click", "$reward", "bought", "unheard of")))
        value = draw(st.sampled_from((0.3, -5.0, 9.0))) if name == "$reward" else None
        slot = draw(st.sampled_from((None, 0, 0, 1, 7)))
        return Outcome(draw(st.sampled_from([*keys, b"never decided"])), slot, name, value, draw(ages), draw(messages))
    if kind == "e":
        visitor = draw(st.lists(st.sampled_from(VISITORS), min_size=1, max_size=2, unique=True))
        return Event(tuple(visitor), draw(st.sampled_from(("bought", "$click"))), draw(ages), draw(messages))
    if kind == "x":
        rare: list[Entry] = [Tick(), Tick(), Cut(), Robot()]
        return draw(st.sampled_from(rare))
    if kind == "v":
        return Version(draw(st.sampled_from(sorted(versions))), shape().digest)
    return Tick()


@st.composite
def _decisions(draw: st.DrawFn, key: bytes, versions: dict[Digest, Policy]) -> Decision:
    version = draw(st.sampled_from(sorted(versions)))
    count = len(versions[version].actions)
    chosen = draw(st.permutations(range(count)))[: draw(st.integers(1, 2))]
    rest = draw(st.lists(st.sampled_from(range(count)), unique=True))
    eligible = None if draw(st.booleans()) else tuple(sorted({*chosen, *rest}))
    available = count if eligible is None else len(eligible)
    return Decision(
        key,
        version,
        draw(st.integers(0, 3)),
        "control" if draw(st.integers(0, 4)) == 0 else "policy",
        tuple(draw(st.lists(st.sampled_from(VISITORS), max_size=2, unique=True))),
        f"shared |x basket={draw(st.integers(0, 3))}",
        eligible,
        tuple(SlotChoice(one, [1 / (available - n)] * (available - n)) for n, one in enumerate(chosen)),
    )
