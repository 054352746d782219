from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import PolicyError
from edgewise.policies import policy as policies
from edgewise.policies.compiled_policy import CompiledPolicy, decode_policy, encode_policy, version_of
from edgewise.policies.eligibility import Circumstances
from edgewise.policies.policy import NAMESPACES, Action, Cap, Explore, Features, Pin, Policy, Reward
from edgewise.policies.policy_file import read_policy
from edgewise.types import SPANS, Span
from tests.conditions.strategies import CONDITIONS

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FEATURE_SCALARS = st.one_of(st.text(max_size=5), st.booleans(), st.integers(-(2**53), 2**53), NUMBERS)
JSON: st.SearchStrategy[Any] = st.recursive(
    FEATURE_SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)
ACTIONS = st.builds(
    Action,
    id=st.text(max_size=5),
    features=st.dictionaries(
        st.text(max_size=5), st.one_of(FEATURE_SCALARS, st.lists(FEATURE_SCALARS, max_size=3).map(tuple)), max_size=3
    ),
    payload=st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    when=st.one_of(st.none(), CONDITIONS),
    enabled=st.booleans(),
    starts=st.none() | st.integers(0, 10**14),
    ends=st.none() | st.integers(0, 10**14),
    cap=st.none() | st.builds(Cap, st.integers(1, 1000), st.sampled_from(SPANS)),
    not_after=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)
POLICIES = st.builds(
    Policy,
    placement=st.text(max_size=5),
    actions=st.lists(ACTIONS, min_size=1, max_size=4, unique_by=lambda action: action.id).map(tuple),
    baseline=st.just(()),
    slots=st.integers(1, 20),
    explore=st.builds(
        Explore, st.sampled_from(get_args(policies.Algorithm)), NUMBERS, st.sampled_from(get_args(policies.Mode))
    ),
    reward=st.builds(
        Reward,
        window=st.integers(1, 10**9),
        impression_within=st.integers(1, 10**9),
        combine=st.sampled_from(get_args(policies.Combine)),
        default=NUMBERS,
        low=NUMBERS,
        high=NUMBERS,
        attribute=st.sampled_from(get_args(policies.Attribute)),
        events=st.dictionaries(st.text(max_size=5), NUMBERS, max_size=3),
    ),
    features=st.builds(
        Features,
        st.lists(st.sampled_from(NAMESPACES), max_size=7).map(tuple),
        st.sampled_from([(), (("device.type", "page.type"),), (("data.plan", "page.type", "visitor.source"),)]),
    ),
    control_share=NUMBERS,
    enabled=st.booleans(),
    pins=st.lists(st.builds(Pin, action=st.text(max_size=5), when=st.none() | CONDITIONS), max_size=2).map(tuple),
    sticky=st.sampled_from(get_args(policies.Sticky)),
)


def to_json(value: Any) -> str:
    """JSON text that distinguishes 1, 1.0 and true, which are equal in Python."""
    return json.dumps(msgspec.to_builtins(value), sort_keys=True)


def reversed_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: reversed_keys(value[key]) for key in reversed(list(value))}
    return [reversed_keys(element) for element in value] if isinstance(value, list) else value


@given(POLICIES)
def test_decoding_inverts_encoding(policy: Policy) -> None:
    decoded = decode_policy(encode_policy(policy))
    assert decoded == policy
    assert to_json(decoded) == to_json(policy)
    assert encode_policy(decoded) == encode_policy(policy)


@given(POLICIES)
def test_the_order_of_keys_does_not_change_the_version(policy: Policy) -> None:
    shuffled = replace(
        policy,
        reward=replace(policy.reward, events=reversed_keys(policy.reward.events)),
        actions=tuple(
            replace(
                action,
                features=reversed_keys(action.features),
                payload=reversed_keys(action.payload),
                when=reversed_keys(action.when),
            )
            for action in policy.actions
        ),
    )
    assert encode_policy(shuffled) == encode_policy(policy)


@given(POLICIES, POLICIES)
def test_policies_have_the_same_bytes_only_if_they_are_equal(one: Policy, other: Policy) -> None:
    assert (encode_policy(one) == encode_policy(other)) is (to_json(one) == to_json(other))


TIDY = """
# A comment
placement = "hero"
baseline = "plain"

[explore]
floor = 0.02
mode = "online"

[features]
namespaces = ["page", "device"]
cross = [["device.type", "page.type"], ["device.type", "page.source"]]

[[actions]]
id = "plain"
payload = { headline = "Hi", size = 2 }

[[actions]]
id = "deal"
[actions.when]
"device.type" = "mobile"
"data.basketValue" = { "$gt" = 10, "$lt" = 20 }
"""
TERSE = """
actions = [{payload={size=2,headline='Hi'},id='plain'},
  {when={"data.basketValue"={"$lt"=20,"$gt"=10},"device.type"='mobile'},id='deal'}]
features={cross=[["page.source","device.type"],["page.type","device.type"],["device.type","page.type"]],namespaces=["device","page"]}
explore={mode='online'}
reward={window='1m',range=[0,1]}
baseline=['plain']
placement='hero'
slots=1
"""


def test_formatting_comments_and_explicit_defaults_do_not_change_the_version(tmp_path: Path) -> None:
    versions = set()
    for source in (TIDY, TERSE):
        file = tmp_path / "hero.toml"
        file.write_text(source)
        versions.add(version_of(encode_policy(read_policy(file))))
    assert len(versions) == 1


@pytest.mark.parametrize(
    ("before", "after"), [('"Hi"', '"Ho"'), ("0.02", "0.03"), ("size = 2", "size = 2.0"), ("20", "21")]
)
def test_every_edit_changes_the_version(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "one.toml").write_text(TIDY)
    (tmp_path / "other.toml").write_text(TIDY.replace(before, after, 1))
    one, other = (encode_policy(read_policy(tmp_path / name)) for name in ("one.toml", "other.toml"))
    assert version_of(one) != version_of(other)


def test_a_version_is_eight_bytes_of_blake2b() -> None:
    assert version_of(b"").hex() == "e4a6a0577479b2b4"


@pytest.mark.parametrize(
    "blob", [b"", b"\xc1", b"\x80", b"\x93\x01\x02\x03", b"\x81\xa9placement\xa1\xff", b"\x91" * 100_000], ids=len
)
def test_invalid_bytes_are_rejected(blob: bytes) -> None:
    with pytest.raises(
        PolicyError,
        match=rf"policy version {version_of(blob).hex()}: Expected the bytes of a policy, found {len(blob)} other",
    ):
        decode_policy(blob)


FOR_MOBILES: dict[str, Any] = {"device.type": "mobile"}
POLICY = Policy(
    "hero",
    actions=(
        Action("plain", payload={"headline": "Hi"}),
        Action("mobile", when=FOR_MOBILES),
        Action("also plain"),
        Action("desktop", when={"device.type": {"$ne": "mobile"}}),
    ),
    baseline=("also plain", "plain"),
    slots=2,
)


def test_actions_are_eligible_when_their_condition_holds() -> None:
    compiled = CompiledPolicy(POLICY)
    assert compiled.eligible(Circumstances({"device": {"type": "mobile"}}, NOON)) == (0, 1, 2)
    assert compiled.eligible(Circumstances({}, NOON)) == (0, 2, 3)


def test_eligible_is_none_if_all_actions_are_eligible() -> None:
    everyone = CompiledPolicy(replace(POLICY, actions=POLICY.actions[:3]))
    assert everyone.eligible(Circumstances({"device": {"type": "mobile"}}, NOON)) is None
    assert everyone.eligible(Circumstances({"device": {"type": "mobile"}}, NOON, ("unknown", "desktop"))) is None


def test_excluded_actions_are_not_eligible_even_in_the_baseline() -> None:
    compiled = CompiledPolicy(POLICY)
    assert compiled.eligible(Circumstances({}, NOON, exclude=["plain", "unknown"])) == (2, 3)
    assert compiled.eligible(Circumstances({}, NOON, exclude=["plain", "also plain", "desktop"])) == ()


def test_a_compiled_policy_names_actions_by_position() -> None:
    compiled = CompiledPolicy(POLICY)
    assert compiled.index == {"plain": 0, "mobile": 1, "also plain": 2, "desktop": 3}
    assert compiled.baseline == (2, 0)
    assert compiled.payloads == ({"headline": "Hi"}, {}, {}, {})


def test_a_compiled_policy_knows_its_version() -> None:
    blob = encode_policy(POLICY)
    assert CompiledPolicy(POLICY).version == version_of(blob)
    assert CompiledPolicy.from_blob(blob).policy == POLICY


def test_a_blob_of_an_older_release_keeps_its_version() -> None:
    blob = msgspec.msgpack.encode({"placement": "hero", "actions": [{"id": "plain"}], "baseline": ["plain"]})
    compiled = CompiledPolicy.from_blob(blob)
    assert compiled.version == version_of(blob) != version_of(encode_policy(compiled.policy))


NOON = 1_800_000_000_000
SALE = Policy(
    "hero",
    actions=(
        Action("plain"),
        Action("off", enabled=False),
        Action("sale", starts=NOON, ends=NOON + 1000),
        Action("from noon", starts=NOON),
        Action("until noon", ends=NOON),
        Action("mobile", when=FOR_MOBILES),
    ),
    baseline=("plain",),
    pins=(Pin("off"), Pin("mobile", {"page.type": "app"}), Pin("sale", {"page.type": {"$in": ["app", "sale"]}})),
)
ON_MOBILE = {"device": {"type": "mobile"}}


@pytest.mark.parametrize(
    ("now", "eligible"),
    [(NOON - 1, (0, 4, 5)), (NOON, (0, 2, 3, 5)), (NOON + 999, (0, 2, 3, 5)), (NOON + 1000, (0, 3, 5))],
)
def test_an_enabled_action_is_eligible_from_its_start_until_before_its_end(now: int, eligible: tuple[int, ...]) -> None:
    assert CompiledPolicy(SALE).eligible(Circumstances(ON_MOBILE, now)) == eligible


@pytest.mark.parametrize(
    ("page", "eligible", "pinned"),
    [("home", None, None), ("app", None, 5), ("app", (0, 2, 3), 2), ("sale", (0, 2, 3, 5), 2), ("sale", (0, 5), None)],
)
def test_the_first_matching_pin_with_an_eligible_action_wins(
    page: str, eligible: tuple[int, ...] | None, pinned: int | None
) -> None:
    compiled = CompiledPolicy(replace(SALE, pins=SALE.pins[1:]))
    assert compiled.pinned({"page": {"type": page}}, eligible) == pinned


def test_conditions_include_those_of_pins() -> None:
    assert [path for _, path in SALE.conditions()] == ["actions[5].when", "pins[1].when", "pins[2].when"]


@pytest.mark.parametrize(
    ("policy", "spans", "limited", "not_after"),
    [
        (POLICY, (), set(), set()),
        (replace(POLICY, sticky="visitor"), ("visitor",), set(), set()),
        (replace(SALE, sticky="session"), ("session",), set(), set()),
        (
            replace(SALE, actions=(Action("plain"), Action("x", cap=Cap(1, "day")), Action("y", not_after=("Bye",)))),
            ("day", "visitor"),
            {1, 2},
            {"Bye"},
        ),
    ],
)
def test_a_compiled_policy_lists_the_exposure_that_it_needs(
    policy: Policy, spans: tuple[Span, ...], limited: set[int], not_after: set[str]
) -> None:
    compiled = CompiledPolicy(replace(policy, pins=()))
    assert compiled.spans == spans
    assert (set(compiled.limited_actions), set(compiled.not_after)) == (limited, not_after)
