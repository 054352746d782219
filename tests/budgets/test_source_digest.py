from __future__ import annotations

from edgewise.budgets.source_digest import source_digest


def test_the_digest_of_an_address_needs_the_secret() -> None:
    one = source_digest(b"secret", "198.51.100.1", has_consent=True)
    assert one == source_digest(b"secret", "198.51.100.1", has_consent=True)
    assert one != source_digest(b"other", "198.51.100.1", has_consent=True)
    assert one != source_digest(b"secret", "198.51.100.2", has_consent=True)


def test_without_consent_only_the_large_network_counts() -> None:
    for one, other, far in (
        ("198.51.100.1", "198.51.7.7", "198.52.100.1"),
        ("2001:db8:1:2::/64", "2001:db8:9:9::/64", "2001:db9:1:2::/64"),
    ):
        digest = source_digest(b"secret", one, has_consent=False)
        assert digest == source_digest(b"secret", other, has_consent=False)
        assert digest != source_digest(b"secret", far, has_consent=False)
