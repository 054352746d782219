from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import PolicyError, Problem
from edgewise.policies.site_files import load_sites

SITE = 'sensitive = ["gender", "postcode"]\n'
HERO = """
placement = "hero"
baseline = "plain"

[[actions]]
id = "plain"

[[actions]]
id = "deal"
when = {when}
"""


def write(folder: Path, site: str = SITE, when: str = '{ "visitor.traits.plan" = "pro" }') -> None:
    (folder / "site.toml").write_text(site)
    (folder / "hero.toml").write_text(HERO.replace("{when}", when))


def problems(folder: Path) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        load_sites(folder)
    return caught.value.problems


def test_other_traits_may_be_targeted(tmp_path: Path) -> None:
    write(tmp_path)
    ((site, _),) = load_sites(tmp_path)
    assert site.sensitive == ("gender", "postcode")


@pytest.mark.parametrize(
    ("when", "path"),
    [
        ('{ "visitor.traits.gender" = "f" }', 'when["visitor.traits.gender"]'),
        ('{ "visitor.traits.postcode.district" = 1 }', 'when["visitor.traits.postcode.district"]'),
        (
            '{ "$or" = [{ "page.type" = "home" }, { "$not" = { "visitor.traits.gender" = { "$in" = ["f"] } } }] }',
            'when.$or[1].$not["visitor.traits.gender"]',
        ),
    ],
)
def test_a_policy_that_targets_a_sensitive_trait_is_rejected_with_its_path(
    tmp_path: Path, when: str, path: str
) -> None:
    write(tmp_path, when=when)
    ((where, message),) = problems(tmp_path)
    assert where == f"hero.toml: actions[1].{path}"
    assert "is sensitive and cannot be targeted. Remove this test, or remove the trait from `sensitive`" in message


def test_a_segment_that_targets_a_sensitive_trait_is_rejected_with_its_path(tmp_path: Path) -> None:
    write(tmp_path, SITE + '[segments]\nwomen = { "visitor.traits.gender" = "f" }\n')
    ((where, message),) = problems(tmp_path)
    assert where == 'site.toml: segments.women["visitor.traits.gender"]'
    assert message.startswith('Trait "gender" is sensitive and cannot be targeted.')


@pytest.mark.parametrize("value", ['"gender"', "[1]", '[""]'])
def test_an_invalid_list_of_names_is_rejected(tmp_path: Path, value: str) -> None:
    write(tmp_path, f"sensitive = {value}\n")
    assert [problem.path for problem in problems(tmp_path)] == ["site.toml: sensitive"]
