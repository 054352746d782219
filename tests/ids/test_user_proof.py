from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.ids.user_proof import UserProof, hash_user_id

SECRET, OTHER = "an-identity-secret", "another-secret-of-it"
HASH = hash_user_id("ann", SECRET)


def test_user_hash_is_the_hmac_that_other_languages_compute() -> None:
    # printf ann | openssl dgst -sha256 -hmac an-identity-secret
    assert HASH == "ad4983d6af7657adfba7794f0f05d53af63844009ebdf8950e2ccbe3864c6861"


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_hash_proves_its_own_id_and_no_other(user: str, other: str, secret: str) -> None:
    proof = UserProof("verified", (secret,), is_server=False)
    hash = hash_user_id(user, secret)
    assert proof.accept(user, hash) == user
    assert proof.accept(other, hash) == (other if other == user else None)


@pytest.mark.parametrize(
    "given", [None, "", HASH.upper(), HASH[:-1], HASH + "0", f" {HASH}", "ä", hash_user_id("ann", OTHER)]
)
def test_id_without_its_hash_does_not_count(given: str | None) -> None:
    proof = UserProof("verified", (SECRET,), is_server=False)
    assert [proof.accept("ann", given) for _ in range(3)] == [None] * 3
    assert proof.refused == 3
    assert proof.accept("ann", HASH) == "ann"


@pytest.mark.parametrize("user", [None, ""])
def test_missing_id_is_not_refused(user: str | None) -> None:
    proof = UserProof("verified", (SECRET,), is_server=False)
    assert (proof.accept(user, None), proof.accept(user, HASH), proof.refused) == (None, None, 0)


def test_site_without_a_secret_believes_no_browser() -> None:
    assert UserProof("verified", (), is_server=False).accept("ann", hash_user_id("ann", "")) is None


def test_servers_and_trusted_browsers_need_no_hash() -> None:
    for proof in (UserProof("verified", (), is_server=True), UserProof("trusted", (), is_server=False)):
        assert (proof.accept("ann", None), proof.accept("ann", "wrong"), proof.refused) == ("ann", "ann", 0)


def test_hashes_of_a_former_secret_count_until_it_is_revoked() -> None:
    during, after = (UserProof("verified", secrets, is_server=False) for secrets in ((OTHER, SECRET), (OTHER,)))
    assert (during.accept("ann", HASH), during.accept("ann", hash_user_id("ann", OTHER))) == ("ann", "ann")
    assert after.accept("ann", HASH) is None
