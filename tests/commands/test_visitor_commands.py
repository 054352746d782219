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
from edgewise.ids.visitor import VisitorIds, anonymous_digest, user_digest
from edgewise.privacy.access import VisitorData
from edgewise.store import Store
from edgewise.types import Digest, PolicyRef
from edgewise.visitors import profile as profiles
from edgewise.visitors.identity import Redirect
from edgewise.visitors.profile import Profile
from edgewise.visitors.traits import Value
from edgewise.webhooks.triggers import NO_TRIGGERS
from tests.learner.published_policy import PublishedPolicy

REF = PolicyRef("shop", "hero")


async def edgewise(url: str, *arguments: str | Path) -> Result:
    """Run the command line, beside this event loop."""
    words = [*map(str, arguments), "--redis", url]
    return await asyncio.to_thread(CliRunner().invoke, main, words)


async def traits(store: Store, visitor: Digest) -> dict[str, Value]:
    stored = await store.profiles.read("shop", visitor)
    return {} if stored is None else {name: value for name, (_, value) in profiles.decode(stored).traits.items()}


async def test_import_sets_traits_and_reports_wrong_lines(store: Store, store_url: str, tmp_path: Path) -> None:
    await PublishedPolicy(store).publish()
    file = tmp_path / "traits.csv"
    lines = ["mail,plan,age", *(f"user {n},pro,{n}" for n in range(1, 500)), "x,y", "user 7,free,"]
    file.write_text("\n".join(lines))
    said = await edgewise(store_url, "import", file, "--id", "mail")
    assert said.exit_code == 1
    assert said.stdout == "500 rows imported, 1 skipped\n"
    assert said.stderr == f"{file}:501: Expected 3 cells as in the header, found 2.\n"
    assert await traits(store, user_digest("user 499")) == {"plan": "pro", "age": 499}
    assert await traits(store, user_digest("user 7")) == {"plan": "free", "age": 7}, "the last line wins"


async def test_second_import_writes_nothing_and_newer_traits_stay(store: Store, store_url: str, tmp_path: Path) -> None:
    await PublishedPolicy(store).publish()
    file = tmp_path / "traits.ndjson"
    file.write_text('{"id": "a1", "plan": "free", "vip": true}\n')
    os.utime(file, (1_700_000_000, 1_700_000_000))
    visitor = anonymous_digest("a1")
    assert (await edgewise(store_url, "import", file, "--anonymous")).exit_code == 0
    before = await store.profiles.read("shop", visitor)
    assert before is not None
    assert (await edgewise(store_url, "import", file, "--anonymous")).stdout == "1 rows imported, 0 skipped\n"
    assert await store.profiles.read("shop", visitor) == before
    await VisitorData(store).set_traits("shop", VisitorIds(anonymous_id="a1"), {"plan": "pro"}, NO_TRIGGERS)
    await edgewise(store_url, "import", file, "--anonymous")
    assert await traits(store, visitor) == {"plan": "pro", "vip": True}


async def test_erasure_without_a_learner_is_kept_and_reported(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await PublishedPolicy(store).publish()
    await VisitorData(store).set_traits("shop", VisitorIds(user_id="ann"), {"plan": "pro"}, NO_TRIGGERS)
    monkeypatch.setattr(visitor_commands, "START_WITHIN", 0.2)
    said = await edgewise(store_url, "erase", "ann", "--now")
    assert said.exit_code == 1
    assert "No learner started the erasure within 0.2 s." in said.output
    assert (await store.erasures.pending(["shop"]))["shop"].holds([user_digest("ann")])
    await VisitorData(store).set_traits("shop", VisitorIds(user_id="ben"), {"plan": "pro"}, NO_TRIGGERS)
    later = await edgewise(store_url, "erase", "ben", "--erase-within", "2h")
    assert later.stdout == "profiles of shop: erased\nlog and models: erased by the learner within 2 hours\n"


async def test_erasure_of_an_unknown_id_prints_a_warning(store: Store, store_url: str) -> None:
    policy_log = PublishedPolicy(store)
    await policy_log.publish()
    typo = await edgewise(store_url, "erase", "nobody")
    assert typo.exit_code == 0, "as for one that is asked for again"
    assert typo.stdout == (
        "profiles of shop: no profile and no other record for 'nobody'. Check the spelling.\n"
        "log and models: erased by the learner within 24 hours\n"
    )
    event = Event((user_digest("ann"),), "Order Completed", 5, b"message1")
    await store.log.append(REF, encode(event))
    said = await edgewise(store_url, "erase", "ann")
    assert said.exit_code == 0
    assert "profiles of shop: no profile for 'ann', but 1 other records " in said.stdout
    assert (await store.erasures.pending(["shop"]))["shop"].holds([user_digest("ann"), user_digest("nobody")])


async def test_unlink_prints_which_id_keeps_the_history(store: Store, store_url: str) -> None:
    await PublishedPolicy(store).publish()
    phone, ann = anonymous_digest("phone"), user_digest("ann")
    await store.profiles.compare_and_set("shop", phone, None, Redirect(ann, b"").encode(), 60_000)
    await store.profiles.compare_and_set("shop", ann, None, Profile(ids=(phone, ann)).encode(), 60_000)
    said = await edgewise(store_url, "unlink", "ann")
    assert said.stdout == "1 ids of site shop unlinked. 'ann' keeps the history.\n"
    said = await edgewise(store_url, "unlink", "phone")
    assert said.stdout == "Site shop has no link of 'phone'. Check the spelling.\n"
    await store.profiles.compare_and_set("shop", ann, None, Profile(ids=(phone, ann)).encode(), 60_000)
    await store.profiles.delete("shop", phone)
    await store.profiles.compare_and_set("shop", phone, None, Redirect(ann, b"").encode(), 60_000)
    said = await edgewise(store_url, "unlink", "phone")
    assert said.stdout == "1 ids of site shop unlinked. 'phone' begins a new history.\n"


async def test_unknown_site_is_an_error(store: Store, store_url: str) -> None:
    said = await edgewise(store_url, "erase", "ann")
    assert "The store has no site. Start `edgewise serve` with your policies first." in said.output
    await PublishedPolicy(store).publish()
    said = await edgewise(store_url, "erase", "ann", "--site", "nope")
    assert "Unknown site 'nope'. Use one of: shop." in said.output
