from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import PolicyError
from edgewise.policies.site_files import load_sites
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

NO_REQUEST = (
    'site.toml: webhooks[0].when["page.type"]: A webhook has no request and cannot test page.type. '
    "Use attributes of the visitor."
)


def problems(folder: Path, site: str) -> list[str]:
    (folder / "hero.toml").write_text(POLICY)
    (folder / "site.toml").write_text(site)
    with pytest.raises(PolicyError) as caught:
        load_sites(folder)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_webhooks_are_read(tmp_path: Path) -> None:
    (tmp_path / "hero.toml").write_text(POLICY)
    (tmp_path / "site.toml").write_text(GOOD)
    ((site, _),) = load_sites(tmp_path)
    expected = Webhook(
        "cart-left", "https://mail.example/hook", {"visitor.cartItems": {"$gte": 1}}, "$MAIL_SECRET", 30 * 60_000
    )
    assert site.webhooks == (expected,)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('"cart-left"', '"Cart left"', "site.toml: webhooks[0].name: Expected a name of 1 to 64 characters"),
        ("https://", "ftp://", "site.toml: webhooks[0].url: Expected an http or https URL"),
        ("https://", "https://user:pass@", "site.toml: webhooks[0].url: Expected an http or https URL"),
        ("mail.example", "", "site.toml: webhooks[0].url: Expected an http or https URL"),
        ("30m", "31d", "site.toml: webhooks[0].after: Expected a duration of at most 30 days"),
        ("$gte", "$gt_", "site.toml: webhooks[0].when"),
        ('{ "visitor.cartItems" = { "$gte" = 1 } }', "{}", "site.toml: webhooks[0].when: Empty condition."),
        ("visitor.cartItems", "page.type", NO_REQUEST),
        (
            '"visitor.cartItems" = { "$gte" = 1 }',
            '"visitor.segments" = { "$in" = ["x"] }',
            "site.toml: webhooks[0].when",
        ),
        ("after", "afterwards", 'site.toml: webhooks[0].afterwards: Unknown key "afterwards".'),
        ('secret = "$MAIL_SECRET"', "", "site.toml: webhooks[0].secret: Missing key. Add `secret`."),
    ],
)
def test_an_invalid_webhook_is_rejected_with_its_path(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert before in GOOD
    (problem,) = problems(tmp_path, GOOD.replace(before, after))
    assert problem.startswith(expected)


def test_the_message_about_an_invalid_secret_does_not_quote_it(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("$MAIL_SECRET", "hunter2"))
    assert problem.startswith("site.toml: webhooks[0].secret: Expected 16 to 256 ASCII characters")
    assert problem.endswith("found 7 characters.")
    assert "hunter2" not in problem


def test_a_webhook_that_tests_a_sensitive_trait_is_rejected(tmp_path: Path) -> None:
    site = 'sensitive = ["gender"]\n' + GOOD.replace("visitor.cartItems", "visitor.traits.gender")
    (problem,) = problems(tmp_path, site)
    assert 'Trait "gender" is sensitive' in problem


def test_names_of_webhooks_are_unique(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD + GOOD)
    assert problem.startswith('site.toml: webhooks[1].name: Duplicate webhook name "cart-left".')


def test_a_webhook_requires_a_condition(tmp_path: Path) -> None:
    when = next(line for line in GOOD.splitlines() if line.startswith("when"))
    (problem,) = problems(tmp_path, GOOD.replace(when, ""))
    assert problem.startswith("site.toml: webhooks[0].when: Missing condition. Add `when`")
