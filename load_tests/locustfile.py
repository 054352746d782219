"""Journeys of visitors, for those who want to see their own Edgewise under load before they trust it.

    python3 -m venv load && load/bin/pip install locust
    .venv/bin/edgewise serve --port 8090 --data load/data                             # in another terminal
    load/bin/locust -f load_tests/locustfile.py --headless --users 50 --spawn-rate 10 --host http://127.0.0.1:8090

What it sends is learned, so it is not for a live server. docs/engineering/operations.md says what to look at.

A visitor comes, is shown something, sees it and clicks now and then. Locust reports rates and latencies of both calls,
and counts an answer that is a fallback as failed. Environment variables:

    EDGEWISE_WRITE_KEY    the site's write key                                      default
    EDGEWISE_PLACEMENT    the placement to ask for                                  home-hero
    EDGEWISE_CLICKED      the share of the visits that end in a click               0.1
    EDGEWISE_RUN_TIME     seconds after which it ends, if --run-time says nothing   60

Without --host it calls http://127.0.0.1:8080 and nothing else. One process of Locust spends about a millisecond on a
request; for the most that a server can do, use `make bench`.
"""

from __future__ import annotations

import os
import random
import uuid
from typing import Any

from locust import FastHttpUser, between, events, task

WRITE_KEY = os.environ.get("EDGEWISE_WRITE_KEY", "default")
PLACEMENT = os.environ.get("EDGEWISE_PLACEMENT", "home-hero")
CLICKED = float(os.environ.get("EDGEWISE_CLICKED", "0.1"))
RUN_TIME = int(os.environ.get("EDGEWISE_RUN_TIME", "60"))


class Visitor(FastHttpUser):  # type: ignore[misc, unused-ignore]  # Locust need not be installed.
    """Opens pages, one every few seconds, as one anonymous visitor."""

    host = "http://127.0.0.1:8080"
    wait_time = between(1, 5)

    def on_start(self) -> None:
        self.anonymous_id = str(uuid.uuid4())
        self.device = random.choice(("mobile", "desktop", "tablet"))

    @task  # type: ignore[misc, untyped-decorator, unused-ignore]
    def open_a_page(self) -> None:
        decision_id = self._decide()
        if decision_id is not None:
            self._tell("$impression", decision_id)
            if random.random() < CLICKED:
                self._tell("$click", decision_id)

    def _decide(self) -> str | None:
        """What to show: the id of the decision, None where there is nothing to learn from."""
        body = {
            "writeKey": WRITE_KEY,
            "anonymousId": self.anonymous_id,
            "placements": [PLACEMENT],
            "context": {"page": {"type": "home"}, "device": {"type": self.device}, "locale": "en-GB"},
        }
        with self.client.post("/v1/decide", json=body, catch_response=True) as response:
            if response.status_code != 200:
                return None  # Locust counts it as failed by itself.
            decision: dict[str, Any] = response.json()["decisions"][0]
            if decision["group"] not in ("policy", "control"):
                response.failure(f"found group {decision['group']!r}, expected 'policy' or 'control'")
            decision_id: str | None = decision["decisionId"]
            return decision_id

    def _tell(self, event: str, decision_id: str) -> None:
        message = {
            "type": "track",
            "event": event,
            "messageId": str(uuid.uuid4()),
            "anonymousId": self.anonymous_id,
            "properties": {"decisionId": decision_id},
        }
        self.client.post("/v1/batch", json={"writeKey": WRITE_KEY, "batch": [message]})


@events.init.add_listener  # type: ignore[misc, untyped-decorator, unused-ignore]
def end_some_time(environment: Any, **_: Any) -> None:
    """A load test that was forgotten must not run for ever."""
    options = environment.parsed_options
    if options is not None and not options.run_time:
        options.run_time = RUN_TIME
