from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgewise.errors import PolicyError, Problem
from edgewise.policies.compiled import CompiledPolicy
from edgewise.policies.policy import Action, Features, Policy
from edgewise.policies.segments import NO_SEGMENTS, Segments
from edgewise.policies.site import Site, load_sites

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
    (loaded,) = load_sites(folder)
    return loaded


def problems(folder: Path, site: str, policy: str = POLICY) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        load(folder, site, policy)
    return caught.value.problems


def test_a_site_file_names_conditions(tmp_path: Path) -> None:
    assert load(tmp_path, LOYAL).segments == {"loyal": {"visitor.orders": {"$gte": 3}}}


def test_a_visitor_is_in_the_segments_that_hold_in_the_order_of_their_names() -> None:
    segments = Segments({"z": {"page.type": "home"}, "a": {"visitor.orders": {"$gt": 1}}, "m": {"visitor.orders": 1}})
    assert segments.of({"visitor": {"orders": 2}, "page": {"type": "home"}}) == ["a", "z"]
    assert segments.of({}) == []
    assert (bool(segments), bool(NO_SEGMENTS)) == (True, False)


@pytest.mark.parametrize(
    ("site", "path", "message"),
    [
        (LOYAL.replace("$gte", "$gtee"), 'segments.loyal["visitor.orders"].$gtee', 'did you mean "$gte"?'),
        (LOYAL + "empty = {}", "segments.empty", "found an empty condition"),
        (LOYAL + "text = 'x'", "segments.text", 'found "x", expected a table'),
        (LOYAL + '"Big Spender" = { "visitor.orders" = 1 }', 'segments["Big Spender"]', "expected 1 to 64 of a-z"),
        (
            LOYAL + 'circle = { "$not" = { "$or" = [{ "visitor.segments" = "loyal" }] } }',
            'segments.circle.$not.$or[0]["visitor.segments"]',
            "expected no segment to be made of others",
        ),
        (LOYAL + 'size = { "visitor.segments.length" = 1 }', 'segments.size["visitor.segments.length"]', "of others"),
        (
            "[segments]\n" + "".join(f's{number} = {{ "page.type" = "x" }}\n' for number in range(101)),
            "segments",
            "found 101 entries, expected at most 100",
        ),
    ],
    ids=lambda text: text[-40:],
)
def test_what_a_segment_cannot_be_is_refused_with_its_path(tmp_path: Path, site: str, path: str, message: str) -> None:
    plain = POLICY.partition('[[actions]]\nid = "for loyal"')[0]
    ((where, what),) = problems(tmp_path, site, plain)
    assert where == f"site.toml: {path}"
    assert message in what


def test_a_condition_that_names_no_segment_of_the_site_is_refused_with_a_hint(tmp_path: Path) -> None:
    assert problems(tmp_path, LOYAL, POLICY.replace('["loyal"]', '["loyal", "loyall"]')) == [
        (
            'hero.toml: actions[1].when.$or[0]["visitor.segments"].$in[1]',
            'found "loyall", expected a segment of site.toml ([segments]); did you mean "loyal"?',
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
def test_a_version_knows_whether_segments_matter_to_it(when: Any, namespaces: Any, uses: bool) -> None:
    policy = Policy("hero", (Action("plain"), Action("other", when=when)), ("plain",), features=Features(namespaces))
    assert CompiledPolicy(policy).uses_segments is uses
