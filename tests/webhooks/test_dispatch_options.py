from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewise.webhooks.dispatch_options import DEFAULT_OPTIONS


@given(st.integers(1, 12))
def test_delay_doubles_less_up_to_a_half(attempts: int) -> None:
    full = DEFAULT_OPTIONS.first_delay * 2 ** (attempts - 1)
    assert full // 2 <= DEFAULT_OPTIONS.delay(attempts) <= full


@given(st.integers(13, 10_000))
def test_delay_is_bounded(attempts: int) -> None:
    longest = DEFAULT_OPTIONS.last_delay
    assert longest // 2 <= DEFAULT_OPTIONS.delay(attempts) <= longest
