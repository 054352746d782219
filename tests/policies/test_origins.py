from __future__ import annotations

import re
from typing import Any

import pytest

from edgewise.policies.origins import origin_list


@pytest.mark.parametrize(
    ("written", "normalized"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("*", "*"),
    ],
)
def test_an_origin_is_normalized_as_browsers_do(written: str, normalized: str) -> None:
    assert origin_list([written]) == (normalized,)


@pytest.mark.parametrize(
    "invalid",
    [
        "shop.example",
        "https://",
        "https://shop.example/",
        "https://shop.example/path",
        "https://shop.example?x",
        "https://shop.example#x",
        "https://user@shop.example",
        "https://shop.example:",
        "https://shop.example:99999",
        "https://shop.example:x",
        "https://*.shop.example",
        "https://shop..example",
        "https://-shop.example",
        f"https://{'a' * 64}.example",
        f"https://{'a' * 1000}!",
        "https://[::1",
        "ftp://shop.example",
        "null",
        "",
        " https://shop.example",
        1,
        None,
        ["*"],
    ],
    ids=str,
)
def test_an_invalid_origin_is_rejected(invalid: Any) -> None:
    with pytest.raises(
        ValueError, match=r'^Expected an origin without a path, or "\*" for all, found .*\. Write it like "https:'
    ):
        origin_list([invalid])


def test_duplicate_origins_are_removed() -> None:
    assert origin_list(["https://b.example", "https://a.example", "https://B.example"]) == (
        "https://b.example",
        "https://a.example",
    )
    with pytest.raises(ValueError, match="Expected a list of origins, found"):
        origin_list("https://a.example")


@pytest.mark.parametrize(
    ("written", "encoded"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("HTTPS://Bu\u0308cher.Example:8443", "https://xn--bcher-kva.example:8443"),
        ("https://www.straße.example", "https://www.xn--strae-oqa.example"),
    ],
)
def test_an_origin_with_other_letters_gets_the_spelling_of_browsers(written: str, encoded: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Did you mean `{encoded}`? Browsers write it so.")):
        origin_list([written])
