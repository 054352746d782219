from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.policies.compiled_policy import CompiledPolicy
from edgewise.policies.eligibility import Circumstances
from edgewise.policies.site_files import load_sites
from edgewise.wall_clock import now_ms

EXAMPLES = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="module")
def examples() -> dict[str, CompiledPolicy]:
    ((site, policies),) = load_sites(EXAMPLES)
    assert (site.name, site.origins) == ("default", ())
    return {policy.placement: CompiledPolicy(policy) for policy in policies}


def eligible_ids(compiled: CompiledPolicy, **attributes: object) -> set[str]:
    positions = compiled.eligible(Circumstances(attributes, now_ms()))
    return (
        {compiled.policy.actions[position].id for position in positions} if positions is not None else {*compiled.index}
    )


def test_the_example_policies_load(examples: dict[str, CompiledPolicy]) -> None:
    assert sorted(examples) == ["cart-nudge", "home-hero", "home-row"]


def test_only_students_on_mobiles_can_see_the_student_deal(examples: dict[str, CompiledPolicy]) -> None:
    hero = examples["home-hero"]
    everyone = eligible_ids(hero)
    student = {"segments": ["student"]}
    assert eligible_ids(hero, visitor=student, device={"type": "mobile"}) == everyone | {"student-deal"}
    assert "student-deal" not in everyone | eligible_ids(hero, visitor=student, device={"type": "desktop"})


def test_everyone_can_see_every_product_of_the_row(examples: dict[str, CompiledPolicy]) -> None:
    row = examples["home-row"]
    assert row.eligible(Circumstances({}, now_ms())) is None
    assert len(row.baseline) == row.policy.slots == 4


@pytest.mark.parametrize(
    ("basket", "nudges"),
    [(None, set()), (0, set()), (9, {"almost-free-shipping"}), (39.9, {"almost-free-shipping"}), (40, {"free-gift"})],
)
def test_the_cart_nudge_depends_on_the_value_of_the_basket(
    examples: dict[str, CompiledPolicy], basket: float | None, nudges: set[str]
) -> None:
    assert eligible_ids(examples["cart-nudge"], data={"basketValue": basket}) == {"nothing"} | nudges
