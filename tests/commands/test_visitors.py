"""The commands about visitors, as their users meet them."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edgewise.cli import main
from edgewise.commands import visitors as visitor_commands
from edgewise.entries import Decision, Event, Outcome, SlotChoice, encode
from edgewise.serving.customers import Customers
from edgewise.serving.triggers import NO_TRIGGERS, Named
from edgewise.serving.visitor_id import anonymous_digest, user_digest
from edgewise.store import Store
from edgewise.types import Digest, PolicyRef
from edgewise.visitors import profile as profiles
from edgewise.visitors.traits import Value
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


async def test_a_visitor_is_exported_with_all_that_an_erasure_would_remove(store: Store, store_url: str) -> None:
    stage = Stage(store)
    await stage.publish()
    ann, other = user_digest("ann"), user_digest("other")
    await Customers(store).tell("shop", Named(user_id="ann"), {"plan": "pro"}, NO_TRIGGERS)
    await Customers(store).tell("shop", Named(user_id="other"), {"plan": "free"}, NO_TRIGGERS)
    for visitor in (ann, other):
        key = visitor + b"key."
        slots = (SlotChoice(0, [0.5, 0.5]),)
        decision = Decision(key, stage.version, 3, "policy", (visitor,), "shared |x a=b", None, slots)
        event = Event((visitor,), "Order Completed", 5, b"message1")
        for entry in (decision, Outcome(key, 0, "$click", None, 0, b"message2"), event):
            await store.log.append(REF, encode(entry))
    said = await edgewise(store_url, "export", "--visitor", "ann")
    assert said.exit_code == 0, said.output
    profile, *log = map(json.loads, said.stdout.splitlines())
    assert profile["id"] == ann.hex()
    assert profile["profile"]["traits"]["plan"][1] == "pro"
    assert [(one["placement"], one["entry"]) for one in log] == [
        ("hero", "decision"),
        ("hero", "outcome"),
        ("hero", "event"),
    ]
    assert log[0]["slots"] == [{"chosen": 0, "propensities": [0.5, 0.5]}]
    assert log[1]["name"] == "$click"
    assert other.hex() not in said.stdout


async def test_all_visitors_are_exported_one_a_line(store: Store, store_url: str) -> None:
    await Stage(store).publish()
    customers = Customers(store)
    many = (customers.tell("shop", Named(user_id=f"user {n}"), {"n": n}, NO_TRIGGERS) for n in range(450))
    await asyncio.gather(*many)
    await customers.tell("elsewhere", Named(user_id="ann"), {"n": 1}, NO_TRIGGERS)
    said = await edgewise(store_url, "export", "--visitors", "--site", "shop")
    held: dict[str, Any] = {one["id"]: one["profile"] for one in map(json.loads, said.stdout.splitlines())}
    assert {profile["traits"]["n"][1] for profile in held.values()} == set(range(450))
    assert held.keys() == {user_digest(f"user {n}").hex() for n in range(450)}


@pytest.mark.parametrize("arguments", [(), ("--visitor", "ann", "--visitors")])
async def test_what_to_export_must_be_said(store_url: str, arguments: tuple[str, ...]) -> None:
    said = await edgewise(store_url, "export", *arguments)
    assert said.exit_code == 2
    assert "--visitor, --visitors: expected one of them" in said.output


async def test_an_erasure_without_a_learner_is_kept_and_said(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Stage(store).publish()
    monkeypatch.setattr(visitor_commands, "BEGIN_WITHIN", 0.2)
    said = await edgewise(store_url, "erase", "ann", "--now")
    assert said.exit_code == 1
    assert "no learner has begun within 0.2 s" in said.output
    assert (await store.erasures.pending(["shop"]))["shop"].holds([user_digest("ann")])
    later = await edgewise(store_url, "erase", "ann", "--erase-within", "2h")
    assert later.stdout == "profiles of shop: erased\nlog and models: within 2 hours, by the learner\n"


async def test_a_site_must_be_known(store: Store, store_url: str) -> None:
    said = await edgewise(store_url, "erase", "ann")
    assert "--site: found none, expected one of: a site to be published first" in said.output
    await Stage(store).publish()
    said = await edgewise(store_url, "erase", "ann", "--site", "nope")
    assert "--site: found 'nope', expected one of: shop" in said.output
