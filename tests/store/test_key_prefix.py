from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgewise.ids.visitor import anonymous_digest
from edgewise.store import Store, keys
from edgewise.store.key_prefix import KeyPrefix
from edgewise.store.scripts import Command
from edgewise.store.store_check import PROBES
from edgewise.types import BEGINNING, PolicyRef
from tests.store.conftest import keys_of
from tests.valkey import Valkey

ROOM = Path(__file__).parent.parent.parent / "server" / "edgewise" / "store"


@pytest.mark.parametrize(
    ("command", "prefixed"),
    [
        (("GET", "k"), ("GET", "shop:k")),
        (("XADD", "{a:b}:log", "*", "e", b"x"), ("XADD", "shop:{a:b}:log", "*", "e", b"x")),
        (("MEMORY USAGE", "k", "SAMPLES", 5), ("MEMORY USAGE", "shop:k", "SAMPLES", 5)),
        (("DEL", "k", "l"), ("DEL", "shop:k", "shop:l")),
        (("PFCOUNT", "k", "l"), ("PFCOUNT", "shop:k", "shop:l")),
        (("EVALSHA", "sha", 2, "k", "l", "v", 3), ("EVALSHA", "sha", 2, "shop:k", "shop:l", "v", 3)),
        (("INFO", "persistence"), ("INFO", "persistence")),
        (("SCAN", 0, "MATCH", "shop:*"), ("SCAN", 0, "MATCH", "shop:*")),
    ],
)
def test_every_key_of_a_command_gets_the_prefix(command: Command, prefixed: Command) -> None:
    assert KeyPrefix("shop:").apply(command) == prefixed
    assert KeyPrefix("").apply(command) is command


async def test_installations_with_different_prefixes_share_a_store(store_url: str, valkey: Valkey) -> None:
    ref, visitor = PolicyRef("shop", "hero"), anonymous_digest("ann")
    stores = [await Store.connect(store_url, key_prefix=prefix) for prefix in ("", "one:", "two:")]
    for number, store in enumerate(stores):
        await store.registry.publish_sites(b"%d" % number)
        await store.log.append(ref, b"%d" % number)
        await store.profiles.compare_and_set("shop", visitor, None, b"%d" % number, 60_000)
    for number, store in enumerate(stores):
        content = b"%d" % number
        assert await store.registry.sites() == content
        assert [data for _, data in (await store.log.read({ref: BEGINNING}, 9))[ref].entries] == [content]
        assert [one async for one in store.profiles.all("shop")] == [(visitor, content)]
        assert await store.log.of_site("shop") == {ref}
    assert await stores[1].profiles.delete("shop", visitor)
    assert [await store.profiles.read("shop", visitor) for store in stores] == [b"0", None, b"2"]
    assert len([key for key in keys_of(valkey) if key.startswith("two:")]) == 3
    for store in stores:
        await store.close()


def test_the_patterns_of_an_acl_match_every_key() -> None:
    ref, digest = PolicyRef("shop", "hero"), b"digest!!"
    made = [keys.SITES, keys.DECISION_KEYS, keys.CHECK, keys.log(ref), keys.profile("shop", digest)]
    made += [keys.erasures("shop"), keys.webhook_index("shop"), keys.budget("decides", "subject")]
    patterns = [re.escape(pattern).replace(r"\*", ".*") for pattern in keys.PATTERNS]
    assert all(any(re.fullmatch(pattern, key) for pattern in patterns) for key in made)


def test_the_check_tries_every_command_that_the_store_room_sends() -> None:
    text = "".join(file.read_text() for file in ROOM.glob("*.py") if file.name != "store_check.py")
    sent = {*re.findall(r"redis\.p?call\('([A-Z]+)'", text), *re.findall(r'\(\s*"([A-Z]{3,}(?: [A-Z]+)?)",', text)}
    tried = {probe.split()[0] for probe in PROBES}
    tried |= {" ".join(probe.split()[:2]) for probe in PROBES if probe.startswith("MEMORY")}
    assert sent - tried == {"EVAL", "EVALSHA", "SCAN", "INFO", "PING", "CLUSTER SLOTS", "BGREWRITEAOF"} & sent
