"""The assembled app: what a web worker runs. Start here to see how a decision is made.

browser ── POST /v1/decide ─▶ http/decide ─▶ serving/decider ─▶ policies (who may see what), bandit (what to draw)
                                                   └─▶ store: the visitor's profile, and the policy's log
browser ── POST /v1/batch ──▶ http/batch ──▶ serving/recorder ─▶ store: the policies' logs, the visitors' profiles
the learner folds each log into a model ──▶ store ──▶ serving/follower ─▶ the next decision
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import get_args

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from edgewise.decisions.preview_token import check_signature
from edgewise.decisions.service import Decider
from edgewise.errors import SettingsError
from edgewise.events.recorder import Recorder
from edgewise.http import metrics
from edgewise.http.auth import Gate
from edgewise.http.batch import Batch, Single
from edgewise.http.decide import Decide
from edgewise.http.endpoint import Door, Preflight, answer_http_error
from edgewise.http.health import Health, Readiness
from edgewise.http.metrics import Metrics
from edgewise.http.openapi import OpenApi
from edgewise.http.policy_api import Policies
from edgewise.http.preview_api import Previews
from edgewise.http.profile_api import Profiles
from edgewise.http.sdk import sdk_routes
from edgewise.policies.site_files import load_sites
from edgewise.privacy.access import Customers
from edgewise.serving.follower import Follower
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.visitors.message import Kind

_DECIDE = "/v1/decide"
_SHORT: dict[Kind, str] = {"track": "t", "page": "p", "identify": "i", "alias": "a", "screen": "s", "group": "g"}
"""Segment's browser and mobile libraries call by these names."""


def create_app(settings: Settings) -> App:
    """The app of one web worker. It starts without a store, too: then it answers with the policy files' baselines.

    Raises:
        SettingsError: there is no store's URL or no secret key in the settings; the supervisor sees to both.
    """
    url, secret_key = settings.redis, settings.secret_key
    if url is None or secret_key is None:
        missing = "redis" if url is None else "secret_key"
        raise SettingsError(f"settings: found no {missing}, expected one, as `edgewise serve` hands it to its workers")

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        budget = settings.decide_budget / 1000
        store = await Store.connect(url, patience=budget, proven=False)
        follower = Follower(store, metrics.model_loaded)
        try:
            await follower.start()
            if not follower.ready:
                follower.serve_files(load_sites(settings.policies))
            gate = Gate(follower, secret_key)
            decider = Decider(store, follower.ids, budget)
            recorder = Recorder(store, follower.ids, follower.find, left_out=metrics.not_kept)
            app.decide = Decide(gate, decider, settings.max_body, settings.country_header)
            app.router.routes[:] = [
                *_browser_routes(gate, app.decide, recorder, settings.max_body),
                *sdk_routes(gate, partial(check_signature, follower.ids)),
                Route("/v1/policies", policies := Policies(gate, store, follower), methods=["GET"]),
                Route("/v1/policies/{placement}", policies, methods=["GET"]),
                Route(
                    "/v1/profiles/{id:path}",
                    Profiles(gate, Customers(store), follower, settings.erase_within, settings.max_body),
                    methods=["GET", "PUT", "DELETE"],
                ),
                Route("/v1/previews", Previews(gate, follower.ids), methods=["POST"]),
                Route("/healthz", Health(gate), methods=["GET"]),
                Route("/readyz", Readiness(gate, store, follower), methods=["GET"]),
                Route("/metrics", Metrics(gate, follower, store), methods=["GET"]),
                Route("/openapi.json", OpenApi(gate), methods=["GET"]),
            ]
            yield
        finally:
            await follower.stop()
            await store.close()

    app = App(lifespan=lifespan, exception_handlers={HTTPException: answer_http_error})
    app.router.redirect_slashes = False
    return app


class App(Starlette):
    """Lets what is called by far the most through to its door, past Starlette's middleware and router.

    They would take a tenth of the time, and a door answers its own errors.
    """

    decide: Decide | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_decide = scope["type"] == "http" and scope["path"] == _DECIDE and scope["method"] == "POST"
        if is_decide and self.decide is not None:
            await self.decide(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _browser_routes(gate: Gate, decide: Decide, recorder: Recorder, limit: int) -> list[BaseRoute]:
    """What pages call. The first is asked for by far the most."""
    doors: dict[str, Door] = {"decide": decide, "batch": Batch(gate, recorder, limit)}
    doors["b"] = doors["batch"]
    for kind in get_args(Kind):
        doors[kind] = doors[_SHORT[kind]] = Single(gate, recorder, limit, kind)
    posts = [Route(f"/v1/{name}", door, methods=["POST"]) for name, door in doors.items()]
    preflight = Preflight(gate)
    return [*posts, *(Route(f"/v1/{name}", preflight, methods=["OPTIONS"]) for name in doors)]
