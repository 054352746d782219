from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgewise.errors import PolicyError, Problem
from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.policies.policy import Action, Features, Policy
from edgewise.policies.segments import NO_SEGMENTS, Segments, hidden_segment_problems
from edgewise.policies.site_files import load_sites, read_sites
from edgewise.sites import Site

POLICY = """
placement = "hero"
baseline = "plain"
[[actions]]
id = "plain"
[[actions]]
id = "for loyal"
when = { "$or" = [{ "visitor.segments" = { "$in" = ["loyal"] } }, { "page.type" = "home" }] }
"""
LOYAL = '[segments]\nloyal = { "visitor.orders" = { "$gte" = 3 } }\n'


def load(folder: Path, site: str, policy: str = POLICY) -> Site:
    (folder / "hero.toml").write_text(policy)
    (folder / "site.toml").write_text(site)
    ((loaded, _),) = load_sites(folder)
    return loaded


def problems(folder: Path, site: str, policy: str = POLICY) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        load(folder, site, policy)
    return caught.value.problems


def test_segments_are_named_conditions(tmp_path: Path) -> None:
    assert load(tmp_path, LOYAL).segments == {"loyal": {"visitor.orders": {"$gte": 3}}}


def test_a_visitor_is_in_every_segment_that_holds_sorted_by_name() -> None:
    segments = Segments({"z": {"page.type": "home"}, "a": {"visitor.orders": {"$gt": 1}}, "m": {"visitor.orders": 1}})
    assert segments.of({"visitor": {"orders": 2}, "page": {"type": "home"}}) == ["a", "z"]
    assert segments.of({}) == []
    assert (bool(segments), bool(NO_SEGMENTS)) == (True, False)


@pytest.mark.parametrize(
    ("site", "path", "message"),
    [
        (LOYAL.replace("$gte", "$gtee"), 'segments.loyal["visitor.orders"].$gtee', "Did you mean `$gte`?"),
        (LOYAL + "empty = {}", "segments.empty", "Empty condition."),
        (
            LOYAL + "text = 'x'",
            "segments.text",
            'Expected a table, found "x". If this is a setting of',
        ),
        (
            LOYAL + '"Big Spender" = { "visitor.orders" = 1 }',
            'segments["Big Spender"]',
            "Expected a name of 1 to 64 characters",
        ),
        (
            LOYAL + 'circle = { "$not" = { "$or" = [{ "visitor.segments" = "loyal" }] } }',
            'segments.circle.$not.$or[0]["visitor.segments"]',
            "A segment cannot use visitor.segments.",
        ),
        (
            LOYAL + 'size = { "visitor.segments.length" = 1 }',
            'segments.size["visitor.segments.length"]',
            "A segment cannot use visitor.segments.length.",
        ),
        (
            "[segments]\n" + "".join(f's{number} = {{ "page.type" = "x" }}\n' for number in range(101)),
            "segments",
            "Expected at most 100 entries, found 101.",
        ),
    ],
    ids=lambda text: text[-40:],
)
def test_an_invalid_segment_is_rejected_with_its_path(tmp_path: Path, site: str, path: str, message: str) -> None:
    plain = POLICY.partition('[[actions]]\nid = "for loyal"')[0]
    ((where, what),) = problems(tmp_path, site, plain)
    assert where == f"site.toml: {path}"
    assert message in what


def test_an_unknown_segment_is_rejected_with_a_suggestion(tmp_path: Path) -> None:
    assert problems(tmp_path, LOYAL, POLICY.replace('["loyal"]', '["loyal", "loyall"]')) == [
        (
            'hero.toml: actions[1].when.$or[0]["visitor.segments"].$in[1]',
            'Unknown segment "loyall". Did you mean `loyal`?',
        )
    ]


@pytest.mark.parametrize(
    ("when", "namespaces", "uses"),
    [
        ({"page.type": "home"}, ("page",), False),
        ({"page.type": "home"}, ("page", "visitor"), True),
        (None, ("page",), False),
        ({"$nor": [{"visitor.segments": {"$in": ["loyal"]}}]}, ("page",), True),
        ({"$not": {"visitor.segments": {"$size": 2}}}, ("page",), True),
        ({"visitor.segmentsOld": 1}, ("page",), False),
    ],
)
def test_a_compiled_policy_uses_segments_only_if_a_condition_or_a_feature_does(
    when: Any, namespaces: Any, uses: bool
) -> None:
    policy = Policy("hero", (Action("plain"), Action("other", when=when)), ("plain",), features=Features(namespaces))
    assert CompiledPolicy(policy).uses_segments is uses


@pytest.mark.parametrize(
    "test",
    [
        {"$ini": ["vip", "vpi"]},
        {"$alli": ["vip", "vpi"]},
        {"$not": {"$in": ["vip", "vpi"]}},
        {"$elemMatch": {"$in": ["vip", "vpi"]}},
        {"$elemMatch": {"$not": {"$nin": ["vip", "vpi"]}}},
        ["vip", "vpi"],
        {"$eq": "vpi"},
    ],
    ids=str,
)
def test_a_misspelled_segment_is_found_in_every_test(test: Any) -> None:
    ((path, message),) = hidden_segment_problems([({"$or": [{"visitor.segments": test}]}, "when")], ["vip"])
    assert path.startswith('when.$or[0]["visitor.segments"]')
    assert message.startswith('Unknown segment "vpi". Did you mean `vip`?')


def test_patterns_and_sizes_of_segments_name_none() -> None:
    tests = {"$regex": "^v", "$size": {"$gt": 1}, "$exists": True, "$type": "array"}
    assert hidden_segment_problems([({"visitor.segments": tests}, "when")], ["vip"]) == []


def test_a_misspelled_segment_that_an_earlier_release_accepted_is_an_oversight(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(LOYAL)
    (tmp_path / "hero.toml").write_text(POLICY.replace('"$in" = ["loyal"]', '"$ini" = ["loyla"]'))
    ((site, placement, problem),) = read_sites(tmp_path).oversights
    assert (site, placement) == ("default", "hero")
    assert problem.message == 'Unknown segment "loyla". Did you mean `loyal`?'
