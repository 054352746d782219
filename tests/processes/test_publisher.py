"""The publisher reads policy files and writes their versions to the store, through failures of both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgewise import entries
from edgewise.bandit.shape import shape_of
from edgewise.errors import PolicyError, Problem
from edgewise.policies.compiled_policy import decode_policy, version_of
from edgewise.policies.site_files import load_sites
from edgewise.processes.publisher import Publisher
from edgewise.serving.follower import Follower
from edgewise.sites import Site, decode_problems, decode_sites
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef
from tests.eventually import eventually
from tests.policies.test_site_files import EVERY_SETTING
from tests.valkey import Valkey

HERO = 'placement = "hero"\nbaseline = "plain"\n[[actions]]\nid = "plain"\n[[actions]]\nid = "warm"\n'
ROW = HERO.replace("hero", "row")
REF = PolicyRef("default", "hero")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hero.toml").write_text(HERO)
    return tmp_path


def edit(folder: Path, text: str) -> None:
    """Replace the file as a whole, so that no reader gets half of it."""
    draft = folder / "draft"
    draft.write_text(text)
    draft.replace(folder / "hero.toml")


@pytest.fixture(autouse=True)
def _short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgewise.processes.publisher.CHECK_INTERVAL", 0.01)
    monkeypatch.setattr("edgewise.processes.publisher.PUBLISH_INTERVAL", 0.05)


@asynccontextmanager
async def watching(store: Store, folder: Path) -> AsyncIterator[None]:
    publisher = Publisher(folder)
    await publisher.load()
    await publisher.publish(store)
    stop = asyncio.Event()
    task = asyncio.create_task(publisher.watch(store, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def published(store: Store, ref: PolicyRef = REF) -> bytes | None:
    current = (await store.versions.current([ref])).get(ref)
    return current and current.version


async def log_of(store: Store) -> list[entries.Entry]:
    page = (await store.log.read({REF: BEGINNING}, 100))[REF]
    return [entries.decode(data) for _, data in page.entries]


async def sites_of(store: Store) -> tuple[Site, ...]:
    return decode_sites(await store.registry.sites())


async def problems_of(store: Store) -> tuple[Problem, ...]:
    return decode_problems(await store.registry.problems())


async def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async def is_logged() -> bool:
        return text in caplog.text

    await eventually(is_logged)


async def until_published(store: Store, differs_from: bytes | None) -> bytes:
    async def is_published() -> bool:
        return await published(store) not in (None, differs_from)

    await eventually(is_published)
    version = await published(store)
    assert version is not None
    return version


async def test_a_policy_is_published_and_its_version_is_in_the_log(store: Store, folder: Path) -> None:
    publisher = Publisher(folder)
    await publisher.load()
    await publisher.publish(store)
    version = await published(store)
    assert version is not None
    blob = await store.versions.blob(REF, version)
    assert blob is not None
    assert version_of(blob) == version
    assert await log_of(store) == [entries.Version(version, shape_of(decode_policy(blob)).digest)]


async def test_publishing_twice_changes_nothing(store: Store, folder: Path) -> None:
    publisher = Publisher(folder)
    await publisher.load()
    await publisher.publish(store)
    revision = await store.registry.revision()
    await publisher.publish(store)
    assert len(await log_of(store)) == 1
    assert await store.registry.revision() == revision


async def test_all_sites_are_in_the_registry(store: Store, tmp_path: Path) -> None:
    for site in ("books", "shoes"):
        (tmp_path / site).mkdir()
        (tmp_path / site / "hero.toml").write_text(HERO)
        (tmp_path / site / "site.toml").write_text(
            f'name = "{site}"\nwrite_key = "wk-{site}"\norigins = ["https://{site}.example"]\n'
        )
    (tmp_path / "shoes" / "row.toml").write_text(ROW)
    publisher = Publisher(tmp_path)
    await publisher.load()
    await publisher.publish(store)
    assert await sites_of(store) == (
        Site("books", "wk-books", ("https://books.example",), ("hero",)),
        Site("shoes", "wk-shoes", ("https://shoes.example",), ("hero", "row")),
    )


async def test_every_setting_of_a_site_file_reaches_the_web_workers(store: Store, folder: Path) -> None:
    (folder / "site.toml").write_text(EVERY_SETTING)
    publisher = Publisher(folder)
    await publisher.load()
    await publisher.publish(store)
    follower = Follower(store)
    await follower.refresh()
    ((site, _),) = load_sites(folder)
    assert follower.sites[site.write_key].settings == site


async def test_invalid_files_are_rejected_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "hero.toml").write_text(HERO.replace("plain", "gone", 1))
    with pytest.raises(PolicyError, match=r"hero\.toml.*gone"):
        await Publisher(tmp_path).load()


async def test_an_edit_is_published(store: Store, folder: Path) -> None:
    async with watching(store, folder):
        before = await published(store)
        edit(folder, HERO.replace("warm", "cold"))
        after = await until_published(store, differs_from=before)
        assert [entry.version for entry in await log_of(store) if isinstance(entry, entries.Version)] == [before, after]


async def test_a_removed_policy_leaves_the_registry(store: Store, folder: Path) -> None:
    (folder / "row.toml").write_text(ROW)
    async with watching(store, folder):
        assert (await sites_of(store))[0].placements == ("hero", "row")
        (folder / "row.toml").unlink()

        async def has_left() -> bool:
            return (await sites_of(store))[0].placements == ("hero",)

        await eventually(has_left)


async def test_an_invalid_edit_is_logged_once_and_the_last_valid_version_stays(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(store, folder):
        before = await published(store)
        edit(folder, HERO.replace("plain", "gone", 1))
        await until_logged(caplog, "the last valid ones stay")
        await asyncio.sleep(0.1)  # Ten more checks of the same file.
        assert caplog.text.count("the last valid ones stay") == 1
        assert "hero.toml: baseline" in caplog.text
        assert await published(store) == before
        ((path, _),) = await problems_of(store)
        assert path == "hero.toml: baseline"
        edit(folder, HERO.replace("warm", "cold"))
        await until_published(store, differs_from=before)
        assert await problems_of(store) == ()


async def test_an_edit_with_an_oversight_is_refused(store: Store, folder: Path) -> None:
    async with watching(store, folder):
        before = await published(store)
        edit(folder, HERO + 'when = { "vistor.orders" = 1 }')

        async def is_refused() -> bool:
            return bool(await problems_of(store))

        await eventually(is_refused)
        assert await published(store) == before


async def test_a_new_file_with_an_oversight_is_refused_at_the_start(store: Store, folder: Path) -> None:
    edit(folder, HERO + 'when = { "vistor.orders" = 1 }')
    publisher = Publisher(folder)
    await publisher.load()
    with pytest.raises(PolicyError, match=r"vistor\.orders"):
        await publisher.refuse_new_oversights(store)


async def test_what_an_earlier_release_accepted_goes_on_serving_until_it_is_edited(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edit(folder, HERO + 'when = { "vistor.orders" = 1 }')
    (folder / "site.toml").write_text('[segments]\nold = { "visitor.order" = 1 }\n')
    earlier = Publisher(folder)
    await earlier.load()
    await earlier.publish(store)
    publisher = Publisher(folder)
    await publisher.load()
    await publisher.refuse_new_oversights(store)
    assert caplog.text.count("Edgewise serves it as before, and will refuse the next edit.") == 2
    (folder / "site.toml").write_text('[segments]\nold = { "visitor.order" = 2 }\n')
    await publisher.load()
    with pytest.raises(PolicyError) as refused:
        await publisher.refuse_new_oversights(store)
    assert [path for path, _ in refused.value.problems] == ['site.toml: segments.old["visitor.order"]']


async def test_a_store_that_lost_everything_is_repaired(store: Store, valkey: Valkey, folder: Path) -> None:
    async with watching(store, folder):
        before = await published(store)
        valkey.execute("FLUSHALL")
        assert await until_published(store, differs_from=None) == before

        async def is_registered() -> bool:
            return await store.registry.revision() > 0

        await eventually(is_registered)
        assert len(await log_of(store)) == 1


async def test_an_unavailable_store_is_logged_once_and_retried(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    own = Valkey()
    try:
        store = await Store.connect(own.url)
        async with watching(store, folder):
            own.kill()
            await until_logged(caplog, "Cannot publish the policies")
            await asyncio.sleep(0.2)  # Some more attempts.
            assert caplog.text.count("Cannot publish the policies") == 1
            own.restart()
            await until_logged(caplog, "The policies are published again.")
            assert await published(store) is not None
        await store.close()
    finally:
        own.close()
