from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.ids.signing import Signer

NEW, OLD, FOREIGN = b"new key" * 4, b"old key" * 4, b"their key" * 3


@given(st.binary(min_size=1), st.sampled_from([8, 16]))
def test_token_of_any_key_of_the_ring_is_verified(payload: bytes, size: int) -> None:
    signer = Signer(size)
    assert signer.verify(signer.sign(payload, OLD), (NEW, OLD)) == payload
    assert signer.verify(signer.sign(payload, FOREIGN), (NEW, OLD)) is None


@given(st.binary(min_size=1))
def test_token_of_another_kind_is_refused(payload: bytes) -> None:
    assert Signer(8, b"other").verify(Signer(8).sign(payload, NEW), (NEW,)) is None


@given(st.text(max_size=60))
def test_text_that_is_no_token_is_refused(text: str) -> None:
    assert Signer(8).verify(text, (NEW,)) is None
