from __future__ import annotations

import secrets
import uuid

import pytest

from edgewise.secret_strength import check_secret


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "x",
        "password",
        "a b c d e f g h i j k l",
        "größer-als-sechzehn-zeichen",
        "x" * 257,
        "two\nlines-of-2f6a91c0",
    ],
    ids=lambda secret: repr(secret[:20]),
)
def test_secret_of_the_wrong_length_or_alphabet_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=rf"^Expected 16 to 256 .* found {len(secret)} characters\. Use the output of"):
        check_secret(secret)


@pytest.mark.parametrize(
    "secret",
    [
        "x" * 32,
        "0123456789abcdef",
        "0123456789abcdef0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz",
        "fedcba9876543210fedcba98",
        "changemechangeme",
        "my-secret-password-123456",
        "PasswordPassword1!",
        "hunter2hunter2hunter2",
        "1234567890123456789012345",
        "qwertyuiopasdfgh",
        "edgewise-secret-key",
        "ababababababababab",
    ],
)
def test_secret_that_is_easy_to_guess_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^Expected a secret that is hard to guess") as refused:
        check_secret(secret)
    assert secret not in str(refused.value)


def test_random_secrets_are_accepted() -> None:
    for _ in range(300):
        for secret in (secrets.token_urlsafe(32), secrets.token_hex(16), secrets.token_hex(32), str(uuid.uuid4())):
            assert check_secret(secret) == secret
    assert check_secret("correct-horse-battery-staple")
