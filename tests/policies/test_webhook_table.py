from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import PolicyError
from edgewise.policies.site import load_sites
from edgewise.types import Webhook

POLICY = 'placement = "hero"\nbaseline = "plain"\n[[actions]]\nid = "plain"\n'
GOOD = """
[[webhooks]]
name = "cart-left"
url = "https://mail.example/hook"
secret = "$MAIL_SECRET"
after = "30m"
when = { "visitor.cartItems" = { "$gte" = 1 } }
"""


def problems(folder: Path, site: str) -> list[str]:
    (folder / "hero.toml").write_text(POLICY)
    (folder / "site.toml").write_text(site)
    with pytest.raises(PolicyError) as caught:
        load_sites(folder)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_a_site_file_names_webhooks(tmp_path: Path) -> None:
    (tmp_path / "hero.toml").write_text(POLICY)
    (tmp_path / "site.toml").write_text(GOOD)
    (site,) = load_sites(tmp_path)
    expected = Webhook(
        "cart-left", "https://mail.example/hook", {"visitor.cartItems": {"$gte": 1}}, "$MAIL_SECRET", 30 * 60_000
    )
    assert site.webhooks == (expected,)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ('"cart-left"', '"Cart left"', 'site.toml: webhooks[0].name: found "Cart left"'),
        ("https://", "ftp://", "site.toml: webhooks[0].url: found"),
        ("https://", "https://user:pass@", "site.toml: webhooks[0].url: found"),
        ("mail.example", "", "site.toml: webhooks[0].url: found"),
        ("30m", "31d", 'site.toml: webhooks[0].after: found "31d"'),
        ("$gte", "$gt_", "site.toml: webhooks[0].when"),
        ('{ "visitor.cartItems" = { "$gte" = 1 } }', "{}", "site.toml: webhooks[0].when: found an empty condition"),
        ("visitor.cartItems", "page.type", "site.toml: webhooks[0].when"),
        (
            '"visitor.cartItems" = { "$gte" = 1 }',
            '"visitor.segments" = { "$in" = ["x"] }',
            "site.toml: webhooks[0].when",
        ),
        ("after", "afterwards", "site.toml: webhooks[0].afterwards: found an unknown key"),
        ('secret = "$MAIL_SECRET"', "", "site.toml: webhooks[0].secret: is missing"),
    ],
)
def test_a_wrong_webhook_is_refused_with_its_path(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    assert right in GOOD
    (problem,) = problems(tmp_path, GOOD.replace(right, wrong))
    assert problem.startswith(expected)


def test_a_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("$MAIL_SECRET", "hunter2"))
    assert problem.startswith("site.toml: webhooks[0].secret: found text of 7 characters, expected")
    assert "hunter2" not in problem


def test_a_sensitive_trait_is_not_told_of(tmp_path: Path) -> None:
    site = 'sensitive = ["gender"]\n' + GOOD.replace("visitor.cartItems", "visitor.traits.gender")
    (problem,) = problems(tmp_path, site)
    assert "expected no trait that site.toml names `sensitive`" in problem


def test_a_name_is_claimed_once(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD + GOOD)
    assert problem.startswith('site.toml: webhooks[1].name: found "cart-left" again')
