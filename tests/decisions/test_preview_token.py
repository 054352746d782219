from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.decisions.preview_token import (
    MAX_LENGTH,
    WrongPreview,
    check_signature,
    issue_debug_token,
    issue_preview_token,
    read_preview,
)
from edgewise.errors import StoreUnavailable
from edgewise.ids.decision import DecisionIds
from edgewise.policies.compiled_policy import encode_policy
from edgewise.serving.served_site import ServedPlacement, ServedSite
from edgewise.sites import Site
from edgewise.types import PolicyRef
from tests.learner.published_policy import POLICY, REF

NOW = 1_760_000_000
IDS = DecisionIds((b"new key" * 4, b"old key" * 4))
SITE = ServedSite(Site("shop", "key", (), ("hero",)), {"hero": ServedPlacement(REF, encode_policy(POLICY))})
TOKEN = issue_preview_token(IDS, REF, "deal", NOW + 60)
DEBUG = issue_debug_token(IDS, REF.site, NOW + 60)


def refusal(token: str, site: ServedSite = SITE, now: int = NOW) -> str:
    with pytest.raises(WrongPreview) as caught:
        read_preview(IDS, site, token, now)
    return caught.value.code


def test_a_token_shows_its_action_in_its_placement() -> None:
    preview = read_preview(IDS, SITE, TOKEN, NOW + 59)
    assert (preview.action_position(SITE, "hero", None), preview.action_position(SITE, "row", None)) == (1, None)
    assert preview.action_position(SITE, "hero", "deal") == 1
    assert not preview.debug


@pytest.mark.parametrize(("placement", "action"), [("hero", "plain"), ("row", "deal")])
def test_a_token_for_one_action_shows_no_other(placement: str, action: str) -> None:
    with pytest.raises(WrongPreview, match="action 'deal' of placement 'hero'") as caught:
        read_preview(IDS, SITE, TOKEN, NOW).action_position(SITE, placement, action)
    assert caught.value.code == "preview_limited"


def test_a_debug_token_shows_the_requested_action() -> None:
    preview = read_preview(IDS, SITE, DEBUG, NOW + 59)
    assert preview.debug
    assert [preview.action_position(SITE, "hero", wanted) for wanted in ("plain", "deal", None)] == [0, 1, None]
    for placement, action in (("hero", "gone"), ("gone", "deal")):
        with pytest.raises(WrongPreview) as caught:
            preview.action_position(SITE, placement, action)
        assert caught.value.code == "preview_gone"


def test_a_token_signed_with_an_older_key_is_valid() -> None:
    old = issue_preview_token(DecisionIds(IDS.keys[1:]), REF, "plain", NOW + 60)
    assert read_preview(IDS, SITE, old, NOW).action_position(SITE, "hero", None) == 0


@pytest.mark.parametrize("token", [TOKEN, DEBUG])
def test_a_token_expires(token: str) -> None:
    assert refusal(token, now=NOW + 60) == "preview_expired"


def test_the_signature_of_an_expired_token_is_valid() -> None:
    for token in (TOKEN, DEBUG):
        check_signature(IDS, token)
        for forged in ("", token[:-4], token.swapcase()):
            with pytest.raises(WrongPreview) as caught:
                check_signature(IDS, forged)
            assert caught.value.code == "invalid_preview"


@pytest.mark.parametrize("token", [TOKEN, DEBUG])
def test_a_token_is_refused_for_another_site(token: str) -> None:
    other = ServedSite(Site("books", "key", (), ("hero",)), SITE.placements)
    assert refusal(token, other) == "foreign_preview"


@pytest.mark.parametrize(("ref", "action"), [(REF, "gone"), (PolicyRef("shop", "gone"), "deal")])
def test_a_removed_action_cannot_be_previewed(ref: PolicyRef, action: str) -> None:
    assert refusal(issue_preview_token(IDS, ref, action, NOW + 60)) == "preview_gone"


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("AbZ09-_"))
def test_a_forged_token_is_refused(place: int, character: str) -> None:
    forged = TOKEN[:place] + character + TOKEN[place + 1 :]
    if forged != TOKEN:
        assert refusal(forged) == "invalid_preview"


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    assert refusal(text) == "invalid_preview"


def test_a_decision_id_is_not_a_token() -> None:
    assert refusal(IDS.issue(b"policy", 1, b"0123456789ab")) == "invalid_preview"


def test_the_longest_names_fit_into_a_token() -> None:
    assert len(issue_preview_token(IDS, PolicyRef("s" * 64, "p" * 64), "ä" * 256, NOW)) <= MAX_LENGTH


def test_a_token_cannot_be_read_without_keys() -> None:
    with pytest.raises(StoreUnavailable):
        read_preview(DecisionIds(), SITE, TOKEN, NOW)
