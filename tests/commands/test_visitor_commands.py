"""The commands about visitors, as their users meet them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgewise.cli import main
from edgewise.commands import visitor_commands
from edgewise.entries import Event, encode
from edgewise.ids.visitor import anonymous_digest, user_digest
from edgewise.privacy.access import Customers
from edgewise.store import Store
from edgewise.types import Digest, PolicyRef
from edgewise.visitors import profile as profiles
from edgewise.visitors.traits import Value
from edgewise.webhooks.triggers import NO_TRIGGERS, Named
from tests.learner.stage import Stage

REF = PolicyRef("shop", "hero")


async def edgewise(url: str, *arguments: str | Path) -> Result:
    """Run the command line, beside this event loop."""
    words = [*map(str, arguments), "--redis", url]
    return await asyncio.to_thread(CliRunner().invoke, main, words)


async def traits(store: Store, visitor: Digest) -> dict[str, Value]:
    stored = await store.profiles.read("shop", visitor)
    return {} if stored is None else {name: value for name, (_, value) in profiles.decode(stored).traits.items()}


async def test_traits_of_many_are_imported_and_wrong_lines_told(store: Store, store_url: str, tmp_path: Path) -> None:
    await Stage(store).publish()
    file = tmp_path / "traits.csv"
    lines = ["mail,plan,age", *(f"user {n},pro,{n}" for n in range(1, 500)), "x,y", "user 7,free,"]
    file.write_text("\n".join(lines))
    said = await edgewise(store_url, "import", file, "--id", "mail")
    assert said.exit_code == 1
    assert said.stdout == "500 rows imported, 1 left out\n"
    assert said.stderr == f"{file}:501: found 2 cells, expected 3 as in the header\n"
    assert await traits(store, user_digest("user 499")) == {"plan": "pro", "age": 499}
    assert await traits(store, user_digest("user 7")) == {"plan": "free", "age": 7}, "the last line says"


async def test_an_import_again_writes_nothing_and_what_was_told_later_stays(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    await Stage(store).publish()
    file = tmp_path / "traits.ndjson"
    file.write_text('{"id": "a1", "plan": "free", "vip": true}\n')
    os.utime(file, (1_700_000_000, 1_700_000_000))
    visitor = anonymous_digest("a1")
    assert (await edgewise(store_url, "import", file, "--anonymous")).exit_code == 0
    before = await store.profiles.read("shop", visitor)
    assert before is not None
    assert (await edgewise(store_url, "import", file, "--anonymous")).stdout == "1 rows imported, 0 left out\n"
    assert await store.profiles.read("shop", visitor) == before
    await Customers(store).tell("shop", Named(anonymous_id="a1"), {"plan": "pro"}, NO_TRIGGERS)
    await edgewise(store_url, "import", file, "--anonymous")
    assert await traits(store, visitor) == {"plan": "pro", "vip": True}


async def test_an_erasure_without_a_learner_is_kept_and_said(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Stage(store).publish()
    await Customers(store).tell("shop", Named(user_id="ann"), {"plan": "pro"}, NO_TRIGGERS)
    monkeypatch.setattr(visitor_commands, "BEGIN_WITHIN", 0.2)
    said = await edgewise(store_url, "erase", "ann", "--now")
    assert said.exit_code == 1
    assert "no learner has begun within 0.2 s" in said.output
    assert (await store.erasures.pending(["shop"]))["shop"].holds([user_digest("ann")])
    await Customers(store).tell("shop", Named(user_id="ben"), {"plan": "pro"}, NO_TRIGGERS)
    later = await edgewise(store_url, "erase", "ben", "--erase-within", "2h")
    assert later.stdout == "profiles of shop: erased\nlog and models: within 2 hours, by the learner\n"


async def test_an_erasure_says_where_nothing_was_found(store: Store, store_url: str) -> None:
    stage = Stage(store)
    await stage.publish()
    typo = await edgewise(store_url, "erase", "nobody")
    assert typo.exit_code == 0, "as for one that is asked for again"
    assert typo.stdout == (
        "profiles of shop: none under 'nobody', and nothing else is held of it; is it spelled right?\n"
        "log and models: within 24 hours, by the learner\n"
    )
    event = Event((user_digest("ann"),), "Order Completed", 5, b"message1")
    await store.log.append(REF, encode(event))
    said = await edgewise(store_url, "erase", "ann")
    assert said.exit_code == 0
    assert "profiles of shop: none under 'ann', but entries elsewhere: 1 " in said.stdout
    assert (await store.erasures.pending(["shop"]))["shop"].holds([user_digest("ann"), user_digest("nobody")])


async def test_a_site_must_be_known(store: Store, store_url: str) -> None:
    said = await edgewise(store_url, "erase", "ann")
    assert "--site: found none, expected one of: a site to be published first" in said.output
    await Stage(store).publish()
    said = await edgewise(store_url, "erase", "ann", "--site", "nope")
    assert "--site: found 'nope', expected one of: shop" in said.output
