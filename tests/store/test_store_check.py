from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgewise.errors import SettingsError, StoreUnavailable
from edgewise.store import Store, keys
from tests.store.conftest import keys_of
from tests.valkey import Valkey


@pytest.fixture(scope="module")
def durable() -> Iterator[Valkey]:
    """A store as Edgewise wants it."""
    server = Valkey("--appendonly", "yes")
    yield server
    server.close()


@pytest.fixture
def sound(durable: Valkey) -> Iterator[Valkey]:
    yield durable
    for command in ("CONFIG SET maxmemory 0", "CONFIG SET maxmemory-policy noeviction", "CONFIG SET appendonly yes"):
        durable.execute(command)
    durable.execute("ACL SETUSER default on nopass allkeys allcommands")
    durable.execute("ACL DELUSER shop")


def as_user(valkey: Valkey, rules: str) -> str:
    """Create the user `shop` with these rules, and return the URL of its store."""
    valkey.execute(f"ACL SETUSER shop reset on >secret {rules}")
    return valkey.url.replace("unix://", "unix://shop:secret@")


async def check(url: str, **options: str) -> None:
    store = await Store.connect(url, must_answer=False, **options)  # type: ignore[arg-type]
    try:
        await store.check()
    finally:
        await store.close()


async def test_a_sound_store_has_no_problem_and_keeps_nothing_of_the_check(
    sound: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    await check(sound.url)
    assert (caplog.messages, keys_of(sound)) == ([], set())


async def test_a_store_that_deletes_any_key_is_an_error(sound: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    sound.execute("CONFIG SET maxmemory-policy allkeys-lru")
    await check(sound.url)
    assert "deletes any key" in caplog.text, "without a limit of its memory, it does not yet"
    sound.execute("CONFIG SET maxmemory 100mb")
    with pytest.raises(SettingsError, match=r"allkeys-lru.* Run: CONFIG SET maxmemory-policy noeviction"):
        await check(sound.url)


async def test_a_store_that_deletes_keys_with_a_ttl_is_a_warning(
    sound: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    sound.execute("CONFIG SET maxmemory 100mb")
    sound.execute("CONFIG SET maxmemory-policy volatile-ttl")
    await check(sound.url)
    assert "would lose profiles and caps. Run: CONFIG SET maxmemory-policy noeviction" in caplog.text


async def test_a_store_without_persistence_is_a_warning(sound: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    sound.execute("CONFIG SET appendonly no")
    await check(sound.url)
    assert "has no append-only file" in caplog.text
    assert "Run: CONFIG SET appendonly yes" in caplog.text


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ("allkeys allcommands -xadd -zscore", "xadd, zscore. Run: ACL SETUSER shop +xadd +zscore"),
        ("allkeys allcommands -evalsha", "evalsha. Run: ACL SETUSER shop +evalsha"),
        ("allkeys allcommands -scan", "scan. Run: ACL SETUSER shop +scan"),
        ("allkeys allcommands -time -memory", "memory|usage, time. Run: ACL SETUSER shop +memory|usage +time"),
    ],
)
async def test_a_command_that_the_acl_lacks_is_named_with_the_rule_that_adds_it(
    sound: Valkey, rules: str, missing: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        await check(as_user(sound, rules))
    assert f"User 'shop' of the store unix://shop@{sound.path} may not run {missing}" in str(raised.value)


@pytest.mark.parametrize(
    ("rules", "options", "patterns"),
    [
        ("~other:* allcommands", {}, "~edgewise:* ~{*"),
        ("~edgewise:* allcommands", {}, "~edgewise:* ~{*"),
        ("~other:* allcommands", {"key_prefix": "shop:"}, "~shop:*"),
    ],
)
async def test_keys_that_the_acl_lacks_are_named_with_the_rule_that_adds_them(
    sound: Valkey, rules: str, options: dict[str, str], patterns: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        await check(as_user(sound, rules), **options)
    assert str(raised.value).endswith(f"may not use the keys of Edgewise. Run: ACL SETUSER shop {patterns}")
    await check(as_user(sound, f"{patterns} allcommands"), **options)


async def test_a_new_prefix_beside_keys_without_one_is_a_warning(
    sound: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    sound.execute(f"HSET {keys.SITES} sites x")
    await check(sound.url)
    await check(as_user(sound, "~shop:* allcommands"), key_prefix="shop:")
    assert caplog.messages == []
    await check(sound.url, key_prefix="shop:")
    assert "This server starts with an empty installation." in caplog.text
    sound.execute("FLUSHALL")


async def test_without_info_the_check_is_incomplete_and_a_warning(
    sound: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    await check(as_user(sound, "allkeys allcommands -info"))
    assert "Run: ACL SETUSER shop +info" in caplog.text


async def test_the_documented_rules_are_enough(sound: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    rules = "~shop:* -@all +@read +@write +@scripting +@connection +info +time +memory|usage +xinfo|stream"
    await check(as_user(sound, rules), key_prefix="shop:")
    assert caplog.messages == []


async def test_a_refused_password_is_an_error_that_explains_the_encoding(sound: Valkey) -> None:
    sound.execute("ACL SETUSER shop reset on >p%ss allkeys allcommands")
    with pytest.raises(
        SettingsError, match=r"refused the user or the password \(.* must be percent-encoded.*python3 -c"
    ):
        await check(sound.url.replace("unix://", "unix://shop:p%20ss@"))
    await check(sound.url.replace("unix://", "unix://shop:p%25ss@"))


async def test_a_store_that_does_not_answer_is_no_problem_of_its_settings() -> None:
    with pytest.raises(StoreUnavailable):
        await check("redis://127.0.0.1:1")


def test_the_key_of_the_check_belongs_to_no_site() -> None:
    assert keys.CHECK not in {keys.erasures("edgewise"), keys.webhook_index("edgewise")}
