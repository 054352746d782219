"""The shop of the benchmark: its policies, visitors and requests. They are the same in every run."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from edgewise.types import PolicyRef

SITE = "shop"
SECRET_KEY = "4711-of-the-benchmark-shop"
WRITE_KEY = "shop-key"
ORIGIN = "https://shop.example"
WINDOW = "200ms"

CANDIDATES = (20, 100, 1000)
"""The numbers of actions of the policies. All actions are eligible in every decision."""

VISITORS = tuple(f"{random.Random(index).getrandbits(128):032x}" for index in range(64))
"""The visitors' anonymous ids, in the format of the browser SDK."""

_TONES = ("neutral", "warm", "loud", "young")
_TOPICS = ("new", "sale", "shipping", "gift", "tea", "linen", "kitchen")
_CAMPAIGNS = ("", "?utm_source=newsletter&utm_medium=email&utm_campaign=autumn", "?utm_source=ads&utm_medium=cpc")
_PAGES = ("/", "/c/tea", "/c/linen", "/p/stoneware-mug", "/p/tea-pot")
_REFERRERS = ("", "https://www.google.com/", "https://news.example/gifts")
_EVENTS = ("Product List Viewed", "Product Viewed", "Product Viewed", "Product Added", "Checkout Started")
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko/20100101 Firefox/127.0",
)


def policy_ref(candidates: int) -> PolicyRef:
    """The policy with this number of actions."""
    return PolicyRef(SITE, f"hero-{candidates}")


def write_policies(folder: Path) -> None:
    """Write the site file and one policy file for each number of candidates."""
    folder.mkdir()
    (folder / "site.toml").write_text(
        f'name = "{SITE}"\nwrite_key = "{WRITE_KEY}"\norigins = ["{ORIGIN}"]\nrobots = "learn"\n'
    )
    for candidates in CANDIDATES:
        (folder / f"{policy_ref(candidates).placement}.toml").write_text(_policy(candidates))


def decide_requests(candidates: int) -> list[bytes]:
    """One request to `/v1/decide` for each visitor."""
    return [
        browser_request("/v1/decide", decide_body(index, candidates), _BROWSERS[index % len(_BROWSERS)])
        for index in range(len(VISITORS))
    ]


def decide_body(visitor: int, candidates: int) -> dict[str, Any]:
    chance = random.Random(visitor)
    page = chance.choice(_PAGES)
    return {
        "writeKey": WRITE_KEY,
        "anonymousId": VISITORS[visitor],
        "placements": [policy_ref(candidates).placement],
        "context": {
            "page": {
                "url": f"{ORIGIN}{page}{chance.choice(_CAMPAIGNS)}",
                "type": "product" if "/p/" in page else "category" if "/c/" in page else "home",
                "referrer": chance.choice(_REFERRERS),
            },
            "locale": chance.choice(("de-DE", "en-GB", "fr-FR")),
            "timezone": chance.choice(("Europe/Berlin", "Europe/London", "America/New_York")),
            "data": {"basketValue": chance.randrange(0, 12000) / 100, "items": chance.randrange(6), "loggedIn": False},
        },
        "consent": "granted",
    }


def history_requests(now: datetime) -> list[bytes]:
    """One request per visitor with a history: three visits in the last weeks, 33 page and product views, one order."""
    return [_history(visitor, index, now) for index, visitor in enumerate(VISITORS)]


def outcome_messages(decisions: Iterable[Mapping[str, Any]], visitor: int) -> list[dict[str, Any]]:
    """An impression for each decision, and some clicks.

    Visitors with even numbers click on `young` actions, the others on `warm` ones.
    """
    messages = []
    for decision in decisions:
        tone = decision["payload"]["tone"]
        names = ["$impression"] + ["$click"] * (tone == ("young" if visitor % 2 == 0 else "warm"))
        messages += [
            {"type": "track", "event": name, "properties": {"decisionId": decision["decisionId"]}} for name in names
        ]
    return messages


def batch_request(messages: Sequence[Mapping[str, Any]], sent_at: datetime | None = None) -> bytes:
    body: dict[str, Any] = {"writeKey": WRITE_KEY, "batch": messages}
    if sent_at is not None:
        body["sentAt"] = sent_at
    return browser_request("/v1/batch", body, _BROWSERS[0])


def browser_request(path: str, body: Mapping[str, Any], browser: str) -> bytes:
    """A complete request, with the headers of a browser's cross-origin request."""
    content = msgspec.json.encode(body)
    headers = (
        f"POST {path} HTTP/1.1",
        "Host: personalize.shop.example",
        "Connection: keep-alive",
        f"Content-Length: {len(content)}",
        f"User-Agent: {browser}",
        "Content-Type: text/plain;charset=UTF-8",
        "Accept: */*",
        f"Origin: {ORIGIN}",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Mode: cors",
        "Sec-Fetch-Dest: empty",
        f"Referer: {ORIGIN}/",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: de-DE,de;q=0.9,en;q=0.8",
    )
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + content


def _history(visitor: str, index: int, now: datetime) -> bytes:
    chance = random.Random(index)
    messages: list[dict[str, Any]] = []
    for days in (20, 6, 1):
        at = now - timedelta(days=days)
        for _ in range(11):
            at += timedelta(seconds=chance.randrange(5, 90))
            what = {"type": "page"} if chance.random() < 0.5 else {"type": "track", "event": chance.choice(_EVENTS)}
            messages.append({**what, "timestamp": at})
    order = {"type": "track", "event": "Order Completed", "properties": {"revenue": 59.9}, "timestamp": at}
    messages.append(order)
    identified = [
        {**message, "anonymousId": visitor, "messageId": f"{index}-{n}"} for n, message in enumerate(messages)
    ]
    return batch_request(identified, now)


def _policy(candidates: int) -> str:
    """Two actions have a condition, which is true for every visitor here."""
    head = f"""
        placement = "{policy_ref(candidates).placement}"
        baseline = "offer-0"
        control = {{ share = 0.0 }}
        reward = {{ window = "{WINDOW}", events = {{ "$click" = 0.2, "Order Completed" = 1.0 }} }}
    """
    return head + "".join(_action(index) for index in range(candidates))


def _action(index: int) -> str:
    tone, topic = _TONES[index % len(_TONES)], _TOPICS[index % len(_TOPICS)]
    condition = 'when = { "visitor.pageViews" = { "$gte" = 1 }, "page.type" = { "$ne" = "checkout" } }'
    return f"""
        [[actions]]
        id = "offer-{index}"
        features = {{ tone = "{tone}", topic = "{topic}", discount = {index * 5 % 35} }}
        payload = {{ headline = "Offer {index}", text = "Good things.", href = "/{topic}", tone = "{tone}" }}
        {condition if index in (1, 2) else ""}
    """
