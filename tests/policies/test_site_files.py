"""The readers of policy folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.config.messages import duplicate
from edgewise.errors import PolicyError, Problem
from edgewise.policies.site_files import load_sites
from edgewise.sites import Site
from edgewise.types import Webhook

POLICY = 'placement = "{placement}"\nbaseline = "plain"\n[[actions]]\nid = "plain"\n'
EVERY_SETTING = """
name = "shop"
write_key = "wk_1"
origins = ["https://shop.example"]
consent = "required"
learn_without_consent = false
robots = "learn"
sensitive = ["gender"]
identity = "trusted"

[segments]
loyal = { "visitor.orders" = { "$gte" = 3 } }

[[webhooks]]
name = "cart-left"
url = "https://mail.example/hook"
secret = "$MAIL_SECRET"
after = "30m"
when = { "visitor.cartItems" = { "$gte" = 1 } }
"""
WEBHOOK = Webhook(
    "cart-left", "https://mail.example/hook", {"visitor.cartItems": {"$gte": 1}}, "$MAIL_SECRET", 30 * 60_000
)


def write_policy(folder: Path, placement: str, file: str | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / (file or f"{placement}.toml")).write_text(POLICY.format(placement=placement))


def write_site(folder: Path, source: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.toml").write_text(source)


def problems(folder: Path) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        load_sites(folder)
    return caught.value.problems


def test_a_folder_of_policy_files_is_the_default_site(tmp_path: Path) -> None:
    for placement in ("row", "hero"):
        write_policy(tmp_path, placement)
    ((site, policies),) = load_sites(tmp_path)
    assert site == Site("default", "default", (), ("hero", "row"))
    assert [policy.placement for policy in policies] == ["hero", "row"]


def test_the_reader_reads_every_setting_of_a_site(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero")
    write_site(tmp_path, EVERY_SETTING)
    ((site, _),) = load_sites(tmp_path)
    assert site == Site(
        name="shop",
        write_key="wk_1",
        origins=("https://shop.example",),
        placements=("hero",),
        consent="required",
        learn_without_consent=False,
        robots="learn",
        segments={"loyal": {"visitor.orders": {"$gte": 3}}},
        sensitive=("gender",),
        webhooks=(WEBHOOK,),
        identity="trusted",
    )
    defaults = Site("", "", (), ())
    unread = [name for name in Site.__struct_fields__ if getattr(site, name) == getattr(defaults, name)]
    assert unread == []


def test_a_folder_of_site_folders_is_many_sites(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_policy(tmp_path / name, "hero")
        write_site(tmp_path / name, f'name = "{name}"\nwrite_key = "{name}"')
    (tmp_path / "images").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.toml").write_text("not toml")
    assert [site.name for site, _ in load_sites(tmp_path)] == ["a", "b"]


def test_hidden_files_and_other_files_are_ignored(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero")
    for name in (".#hero.toml", "notes.md", "hero.toml~"):
        (tmp_path / name).write_text("not toml")
    assert len(load_sites(tmp_path)[0].policies) == 1


def test_names_and_write_keys_of_sites_are_unique(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_policy(tmp_path / name, "hero")
    write_site(tmp_path / "b", 'name = "b"')
    assert problems(tmp_path) == [
        ("c/site.toml: name", duplicate("site name", "default", "a/site.toml: name")),
        ("b/site.toml: write_key", duplicate("write key", "default", "a/site.toml: write_key")),
        ("c/site.toml: write_key", duplicate("write key", "default", "a/site.toml: write_key")),
    ]


def test_a_placement_has_one_policy(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero", "one.toml")
    write_policy(tmp_path, "hero", "two.toml")
    assert problems(tmp_path) == [
        (
            "two.toml: placement",
            'Duplicate placement "hero". It is already used at one.toml: placement. Use another one.',
        )
    ]


def test_every_problem_in_every_file_is_reported_with_its_path_from_the_folder(tmp_path: Path) -> None:
    write_policy(tmp_path / "a", "HERO", "hero.toml")
    (tmp_path / "a" / "row.toml").write_text("x =")
    write_site(tmp_path / "a", 'nam = "a"\nwrite_key = "a key"\norigins = ["https://a.example/x"]')
    write_policy(tmp_path / "b", "row")
    write_site(tmp_path / "b", 'name = "B"\nwrite_key = ')
    assert [path for path, _ in problems(tmp_path)] == [
        "a/hero.toml: placement",
        "a/row.toml:1",
        "a/site.toml: write_key",
        "a/site.toml: origins",
        "a/site.toml: nam",
        "b/site.toml:2",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("name = 'My Shop'", 'Expected a name of 1 to 64 characters (a-z, 0-9, _ and -), found "My Shop".'),
        ("write_key = ''", 'Expected 1 to 128 of the characters A-Z, a-z, 0-9, _ and -, found "".'),
        ("write_key = 1", "Expected 1 to 128 of the characters A-Z, a-z, 0-9, _ and -, found 1."),
        ("origins = 'https://a.example'", 'Expected a list of origins, found "https://a.example".'),
        ("origin = []", 'Unknown key "origin". Did you mean `origins`?'),
        ("consent = 'require'", 'Expected one of assumed, required, found "require". Did you mean `required`?'),
        ("robots = false", "Expected one of ignore, learn, found false."),
        ("learn_without_consent = 'no'", 'Expected true or false, found "no".'),
    ],
)
def test_an_invalid_setting_is_rejected(tmp_path: Path, line: str, message: str) -> None:
    write_policy(tmp_path, "hero")
    write_site(tmp_path, line)
    ((path, found),) = problems(tmp_path)
    assert path == f"site.toml: {line.split()[0]}"
    assert found.startswith(message)


def test_a_missing_folder_is_looked_for_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ((_, message),) = problems(Path("shop"))
    assert message.endswith(f"Check its path. It is relative to {tmp_path}.")


def test_a_folder_without_policies_is_rejected(tmp_path: Path) -> None:
    assert problems(tmp_path) == [(str(tmp_path), "Missing policy file. Add at least one *.toml file.")]
    missing = tmp_path / "missing"
    assert problems(missing) == [
        (str(missing), "Cannot read the folder of policy files: No such file or directory. Check its path.")
    ]
    write_site(tmp_path, 'name = "shop"')
    file = tmp_path / "site.toml"
    assert problems(file) == [(str(file), "Expected a folder of policy files, found a file. Pass the folder.")]
    assert problems(tmp_path) == [
        (str(tmp_path), "Missing policy file. Add at least one *.toml file next to site.toml.")
    ]


def test_a_folder_is_one_site_or_many_sites_but_not_both(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero")
    write_policy(tmp_path / "shop", "hero")
    assert problems(tmp_path) == [
        (
            str(tmp_path),
            "Policy files are next to site folders (shop). "
            "Keep the files of one site here, or one folder for each site.",
        )
    ]
