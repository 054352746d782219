"""Send messages to a test server, and read what it recorded."""

from __future__ import annotations

from typing import Any

from edgewise.entries import Event, Outcome, decode
from edgewise.ids.visitor import anonymous_digest
from edgewise.store import Store
from edgewise.types import BEGINNING, PolicyRef
from edgewise.visitors import profile as profiles
from tests.servers import Server


def track(event: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, **more}


async def send_batch(server: Server, *messages: Any, **more: Any) -> dict[str, Any]:
    response = await server.post("/v1/batch", {"batch": list(messages), **more})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert body["success"] is True
    return body


async def decision_id(server: Server, placement: str = "hero", **more: Any) -> str:
    response = await server.post("/v1/decide", {"placements": [placement], **more})
    id: str = response.json()["decisions"][0]["decisionId"]
    return id


async def logged(url: str, placement: str = "hero") -> list[Outcome | Event]:
    """The outcomes and events in the log of a placement of the default site."""
    store = await Store.connect(url)
    ref = PolicyRef("default", placement)
    page = (await store.log.read({ref: BEGINNING}, 100_000))[ref]
    await store.close()
    return [entry for _, raw in page.entries if isinstance(entry := decode(raw), Outcome | Event)]


async def profile(url: str, anonymous_id: str) -> profiles.Profile:
    store = await Store.connect(url)
    stored = await store.profiles.read("default", anonymous_digest(anonymous_id))
    await store.close()
    assert stored is not None
    return profiles.decode(stored)
