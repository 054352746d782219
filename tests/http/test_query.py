from __future__ import annotations

import pytest

from edgewise.errors import RequestError
from edgewise.http.query import query_flag, query_text


@pytest.mark.parametrize(
    ("query", "value"),
    [(b"", False), (b"now=true", True), (b"now=false", False), (b"now=false&now=true", True), (b"other=true", False)],
)
def test_flag_is_false_by_default(query: bytes, value: bool) -> None:
    assert query_flag(query, "now") is value


@pytest.mark.parametrize("query", [b"now", b"now=", b"now=True", b"now=1", b"now=\xff"])
def test_flag_is_true_or_false(query: bytes) -> None:
    with pytest.raises(RequestError, match=r"^now: Expected true or false, found '.*'\.$") as refused:
        query_flag(query, "now")
    assert (refused.value.status, refused.value.details[0].path) == (400, "now")


def test_last_value_of_a_parameter_counts() -> None:
    assert query_text(b"preview=a&preview=b", "preview") == "b"
    assert query_text(b"preview=", "preview", "default") == ""
    assert query_text(b"", "preview", "default") == "default"
