from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgewise.demo.example import CONTROL_SHARE, WINDOW, copy_examples, shorten_windows
from edgewise.demo.simulated_visitors import CLICK, ORDER, SEGMENTS
from edgewise.errors import PolicyError
from edgewise.policies.site_files import load_sites

EXAMPLES = Path(__file__).parents[2] / "policies"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the examples to edit."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "policies"))


def test_the_copy_differs_in_its_window_and_control_share(tmp_path: Path) -> None:
    example = copy_examples(EXAMPLES, tmp_path / "copy")
    assert (example.policy.reward.window, example.policy.control_share) == (WINDOW, CONTROL_SHARE)
    assert example.policy.actions == example.original.actions
    assert example.changes == "window 3 s (not 60 s), control share 20% (not 5%)"
    changed = {
        file.name for file in EXAMPLES.iterdir() if file.read_bytes() != (tmp_path / "copy" / file.name).read_bytes()
    }
    assert changed == {example.file.name}
    assert load_sites(example.folder)[0].site.write_key == example.write_key


def test_the_other_policies_differ_in_their_windows_only(tmp_path: Path) -> None:
    others = shorten_windows(copy_examples(EXAMPLES, tmp_path / "copy"))
    originals = {policy.placement: policy for policy in load_sites(EXAMPLES)[0].policies}
    assert others.keys() == {"home-row", "cart-nudge"}
    for placement, policy in others.items():
        original = originals[placement]
        assert policy == replace(original, reward=replace(original.reward, window=WINDOW))


def test_the_rewards_of_reactions_come_from_the_policy(tmp_path: Path) -> None:
    assert copy_examples(EXAMPLES, tmp_path / "copy").rewards == {(): 0.0, (CLICK,): 0.2, (CLICK, ORDER): 1.0}


def test_each_segment_has_a_taste_for_every_action_without_a_condition(tmp_path: Path) -> None:
    policy = copy_examples(EXAMPLES, tmp_path / "copy").policy
    for_everyone = {action.id for action in policy.actions if action.when is None}
    assert all(segment.tastes.keys() == for_everyone for segment in SEGMENTS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('placement = "home-hero"', 'placement = "other"', 'a policy for the placement "home-hero"'),
        ('combine = "sum"', 'combine = "max"', 'a reward that adds up "$click" and "Order Completed"'),
        ('"$click" = 0.2', "", 'a reward that adds up "$click" and "Order Completed"'),
        ('window = "60s"', "", "one line for `window` and one for `share`"),
    ],
)
def test_another_policy_is_an_error_with_the_path_of_its_file(
    policies: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    file = policies / "home-hero.toml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(PolicyError) as refused:
        copy_examples(policies, tmp_path / "copy")
    assert str(refused.value) == f"{file}: Expected the demo's example policy, with {message}."
