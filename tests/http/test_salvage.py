from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.http.salvage import messages_apart

texts = st.text(alphabet='ab"\\,[]{}:\n') | st.just("batch")
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(values, max_size=5), st.dictionaries(texts, values, max_size=3), st.booleans())
def test_messages_are_told_apart_whatever_is_in_and_around_them(
    batch: list[Any], around: dict[str, Any], first: bool
) -> None:
    around.pop("batch", None)
    body = {"batch": batch, **around} if first else {**around, "batch": batch}
    apart = messages_apart(json.dumps(body).encode())
    assert apart is not None
    envelope, messages = apart
    assert json.loads(envelope) == {**body, "batch": []}
    assert [json.loads(message) for message in messages] == batch


@given(st.binary(max_size=50) | st.text(alphabet='"batch":[]{},\\').map(str.encode))
def test_nothing_is_too_odd_to_be_looked_at(body: bytes) -> None:
    messages_apart(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * (4 << 20),
        b"[]" * (2 << 20),
        b'{"batch": [' + b"{},{}," * 500_000,
        b'"' + b'\\"' * (2 << 20),
        b'"' + b'\\"' * (2 << 20) + b"\\",
        b'"' * (4 << 20),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_hostile_body_does_not_hold_a_worker_up(body: bytes) -> None:
    began = time.process_time()
    assert messages_apart(body) is None
    assert time.process_time() - began < 1.0
