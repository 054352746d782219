from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import PolicyError, Problem
from edgewise.policies.site import Site, load_sites

POLICY = 'placement = "{placement}"\nbaseline = "plain"\n[[actions]]\nid = "plain"\n'


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
    (site,) = load_sites(tmp_path)
    assert (site.name, site.write_key, site.origins) == ("default", "default", ())
    assert [policy.placement for policy in site.policies] == ["hero", "row"]


def test_a_site_file_names_the_site_its_key_and_its_origins(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero")
    write_site(tmp_path, 'name = "shop"\nwrite_key = "wk_1"\norigins = ["https://shop.example"]')
    (site,) = load_sites(tmp_path)
    assert site == Site("shop", "wk_1", ("https://shop.example",), site.policies)
    assert (site.consent, site.learn_without_consent) == ("assumed", True)


def test_a_site_file_says_what_may_be_done_without_consent(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero")
    write_site(tmp_path, 'consent = "required"\nlearn_without_consent = false')
    (site,) = load_sites(tmp_path)
    assert (site.consent, site.learn_without_consent) == ("required", False)


def test_a_site_file_says_what_is_done_with_robots(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero")
    write_site(tmp_path, 'robots = "learn"')
    (site,) = load_sites(tmp_path)
    assert site.robots == "learn"


def test_a_folder_of_folders_is_many_sites(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_policy(tmp_path / name, "hero")
        write_site(tmp_path / name, f'name = "{name}"\nwrite_key = "{name}"')
    (tmp_path / "images").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.toml").write_text("not toml")
    assert [site.name for site in load_sites(tmp_path)] == ["a", "b"]


def test_files_that_are_hidden_or_no_toml_are_left_alone(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero")
    for name in (".#hero.toml", "notes.md", "hero.toml~"):
        (tmp_path / name).write_text("not toml")
    assert len(load_sites(tmp_path)[0].policies) == 1


def test_sites_need_names_and_write_keys_of_their_own(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_policy(tmp_path / name, "hero")
    write_site(tmp_path / "b", 'name = "b"')
    assert problems(tmp_path) == [
        ("c/site.toml: name", 'found "default" again, expected it only once; first at a/site.toml: name'),
        ("b/site.toml: write_key", 'found "default" again, expected it only once; first at a/site.toml: write_key'),
        ("c/site.toml: write_key", 'found "default" again, expected it only once; first at a/site.toml: write_key'),
    ]


def test_a_placement_has_one_policy(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero", "one.toml")
    write_policy(tmp_path, "hero", "two.toml")
    assert problems(tmp_path) == [
        ("two.toml: placement", 'found "hero" again, expected it only once; first at one.toml: placement')
    ]


def test_every_problem_in_every_file_is_told_with_its_path_from_the_folder(tmp_path: Path) -> None:
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
        ("name = 'My Shop'", 'found "My Shop", expected 1 to 64 of a-z, 0-9, _ and -'),
        ("write_key = ''", 'found "", expected 1 to 128 of A-Z, a-z, 0-9, _ and -'),
        ("write_key = 1", "found 1, expected 1 to 128 of A-Z, a-z, 0-9, _ and -"),
        ("origins = 'https://a.example'", 'found "https://a.example", expected a list of origins'),
        ("origin = []", "found an unknown key, expected one of segments, sensitive, name, write_key, "),
        ("consent = 'require'", 'found "require", expected one of assumed, required; did you mean "required"?'),
        ("robots = false", "found false, expected one of ignore, learn"),
        ("learn_without_consent = 'no'", 'found "no", expected true or false'),
    ],
)
def test_a_wrong_site_file_is_refused(tmp_path: Path, line: str, message: str) -> None:
    write_policy(tmp_path, "hero")
    write_site(tmp_path, line)
    ((path, found),) = problems(tmp_path)
    assert path == f"site.toml: {line.split()[0]}"
    assert found.startswith(message)


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path) == [(str(tmp_path), "found no policy file, expected at least one (*.toml)")]
    missing = tmp_path / "missing"
    assert problems(missing) == [(str(missing), "expected a folder of policy files: No such file or directory")]
    write_site(tmp_path, 'name = "shop"')
    assert problems(tmp_path) == [
        (str(tmp_path), "found no policy file beside site.toml, expected at least one (*.toml)")
    ]


def test_a_folder_is_one_site_or_many_but_not_both(tmp_path: Path) -> None:
    write_policy(tmp_path, "hero")
    write_policy(tmp_path / "shop", "hero")
    assert problems(tmp_path) == [
        (
            str(tmp_path),
            "found policy files beside folders of policy files (shop), expected either one site or many",
        )
    ]
