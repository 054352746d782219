"""Valid requests of somebody who knows only the write key."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from edgewise.ids.user_proof import hash_user_id
from load_tests.attacker import IDENTITY_SECRET, PLACEMENT, SECRET_KEY, Attacker, get, post, request

_SERVER = {"authorization": f"Bearer {SECRET_KEY}"}
CHAIN = 1100
OUTCOMES = 400


async def claim_identities(attacker: Attacker) -> None:
    """The attempt to get the history of another user, and to change it, without a proof."""
    proof = {"userId": "victim", "userHash": hash_user_id("victim", IDENTITY_SECRET)}
    body = b'{"traits": {"plan": "gold"}}'
    await attacker.send(request("PUT", "/v1/profiles/victim", body, _SERVER))
    await attacker.send(post("/v1/identify", {"anonymousId": "phone", **proof}))
    forged = [
        {"type": "alias", "previousId": "victim", "userId": "attacker"},
        {"type": "alias", "previousId": "victim", "userId": "attacker", "userHash": proof["userHash"]},
        {"type": "identify", "userId": "victim", "traits": {"plan": "stolen"}},
        {"type": "identify", "userId": "victim", "anonymousId": "attacker", "traits": {"plan": "stolen"}},
        {"type": "identify", "userId": "attacker", "anonymousId": "phone"},
        {"type": "alias", "previousId": "phone", "userId": "attacker"},
    ]
    batch = post("/v1/batch", {"batch": forged})
    decide = post("/v1/decide", {"placements": [PLACEMENT], "userId": "victim", "anonymousId": "attacker"})
    await attacker.repeat([batch, decide], clients=2)
    victim = str((await attacker.send(get("/v1/profiles/victim", _SERVER))).json())
    if "gold" not in victim or "stolen" in victim:
        attacker.problems.append("the victim's traits were changed")
    stolen = await attacker.send(get("/v1/profiles/attacker", _SERVER))
    if b"gold" in stolen.body or b"victim" in stolen.body:
        attacker.problems.append("the attacker's profile has the victim's data")


async def chain_aliases(attacker: Attacker) -> None:
    """A chain of aliases that would have to be followed to its end."""
    messages: list[dict[str, Any]] = [
        {"type": "alias", "previousId": f"link-{number}", "userId": f"link-{number + 1}"} for number in range(CHAIN)
    ]
    messages = [{**message, "userHash": hash_user_id(str(message["userId"]), IDENTITY_SECRET)} for message in messages]
    for start in range(0, CHAIN, 100):
        await attacker.send(post("/v1/batch", {"batch": messages[start : start + 100]}))
    decides = [
        post("/v1/decide", {"placements": [PLACEMENT], "anonymousId": f"link-{number}"}) for number in (0, 500, CHAIN)
    ]
    await attacker.repeat(decides, clients=1)
    if any(status.startswith("5") for status in attacker.statuses):
        attacker.problems.append("a visitor at the end of a chain got an error")


async def flood_decides(attacker: Attacker) -> None:
    """Decide calls of invented visitors from one address."""

    def requests() -> Iterator[bytes]:
        for number in itertools.count():
            yield post("/v1/decide", {"placements": [PLACEMENT], "anonymousId": f"invented-{number}"})

    await attacker.repeat(requests())


async def flood_one_decision(attacker: Attacker) -> None:
    """Outcomes without end for one decision."""
    response = (await attacker.send(post("/v1/decide", {"placements": [PLACEMENT], "anonymousId": "one"}))).json()
    outcome = {
        "type": "track",
        "event": "$click",
        "anonymousId": "one",
        "properties": {"decisionId": response["decisions"][0]["decisionId"]},
    }
    await attacker.repeat([post("/v1/batch", {"batch": [outcome] * OUTCOMES})])


async def flood_profiles(attacker: Attacker) -> None:
    """Carts of invented visitors."""

    def requests() -> Iterator[bytes]:
        for number in itertools.count():
            messages = [
                {
                    "type": "track",
                    "event": "Product Added",
                    "anonymousId": f"cart-{number}-{visitor}",
                    "properties": {"product_id": f"p{visitor}", "price": 5.0, "category": f"c{visitor}"},
                }
                for visitor in range(50)
            ]
            yield post("/v1/batch", {"batch": messages})

    await attacker.repeat(requests(), clients=2)


ATTACKS = {
    "claimed identities": claim_identities,
    "chained aliases": chain_aliases,
    "decide flood": flood_decides,
    "outcome flood": flood_one_decision,
    "invented visitors": flood_profiles,
}
