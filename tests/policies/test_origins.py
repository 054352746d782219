from __future__ import annotations

from typing import Any

import pytest

from edgewise.policies.origins import origin_list


@pytest.mark.parametrize(
    ("written", "read"),
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
def test_an_origin_is_read_as_browsers_write_it(written: str, read: str) -> None:
    assert origin_list([written]) == (read,)


@pytest.mark.parametrize(
    "wrong",
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
        "https://bücher.example",
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
def test_what_is_no_origin_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r'^found .*, expected "\*" or an origin without a path, such as'):
        origin_list([wrong])


def test_origins_are_a_list_and_each_is_kept_once() -> None:
    assert origin_list(["https://b.example", "https://a.example", "https://B.example"]) == (
        "https://b.example",
        "https://a.example",
    )
    with pytest.raises(ValueError, match="expected a list of origins"):
        origin_list("https://a.example")
