"""The application that a web worker runs. Start here to see how a decision is made.

browser ── POST /v1/decide ─▶ http/decide ─▶ decisions/service ─▶ policies (eligible actions), bandit (the draw)
                                                   └─▶ store: the visitor's profile, and the policy's log
browser ── POST /v1/batch ──▶ http/batch ──▶ events/recorder ──▶ store: the policies' logs, the visitors' profiles
the learner trains a model on each log ──▶ store ──▶ serving/follower ─▶ the next decision
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import get_args

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from edgewise.budgets.source_budgets import SourceBudgets
from edgewise.budgets.store_pressure import StorePressure
from edgewise.decisions.preview_token import check_signature
from edgewise.decisions.service import DecisionService
from edgewise.errors import SettingsError
from edgewise.events.recorder import Recorder
from edgewise.http import metrics
from edgewise.http.auth import Authenticator
from edgewise.http.batch import BatchEndpoint, MessageEndpoint
from edgewise.http.cors import Preflight
from edgewise.http.decide import DecideEndpoint
from edgewise.http.error_responses import handle_http_error
from edgewise.http.health import HealthEndpoint, ReadinessEndpoint
from edgewise.http.metrics_endpoint import MetricsEndpoint
from edgewise.http.openapi import OpenApiEndpoint
from edgewise.http.policy_api import PolicyEndpoint
from edgewise.http.preview_api import PreviewEndpoint
from edgewise.http.profile_api import ProfileEndpoint
from edgewise.http.routes import build_routes
from edgewise.http.sdk import SdkEndpoint, read_files
from edgewise.http.source import SourceLimits
from edgewise.policies.site_files import read_sites
from edgewise.privacy.access import VisitorData
from edgewise.serving.follower import Follower
from edgewise.settings import Settings
from edgewise.store import Store
from edgewise.visitors.message import Kind

_DECIDE = "/v1/decide"


def create_app(settings: Settings) -> App:
    """The app of one web worker. It also starts without a store, and then responds with the policies' baselines.

    Raises:
        SettingsError: the settings have no store URL or no secret key.
    """
    url, secret_key = settings.redis, settings.secret_key
    if url is None or secret_key is None:
        missing = "redis" if url is None else "secret_key"
        raise SettingsError(f"Missing setting {missing}. Start the server with `edgewise serve`, which sets it.")

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        budget = settings.decide_budget / 1000
        store = await Store.connect(url, patience=budget, must_answer=False, key_prefix=settings.key_prefix)
        pressure = StorePressure(store, settings.store_memory)
        follower = Follower(store, metrics.observe_loaded_model, settings.identity_secret)
        try:
            await follower.start()
            await pressure.start()
            if not follower.ready:
                follower.serve_files(read_sites(settings.policies).sites)
            auth = Authenticator(follower, secret_key)
            endpoints = _endpoints(settings, store, follower, auth, pressure)
            app.decide = endpoints["decide"]
            app.router.routes[:] = build_routes(endpoints, Preflight(auth.cors))
            yield
        finally:
            await pressure.stop()
            await follower.stop()
            await store.close()

    app = App(lifespan=lifespan, exception_handlers={HTTPException: handle_http_error})
    app.router.redirect_slashes = False
    return app


class App(Starlette):
    """Passes decide requests directly to their endpoint, because they are by far the most frequent.

    Starlette's middleware and router would take a tenth of the time. The endpoint handles its own errors.
    """

    decide: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_decide = scope["type"] == "http" and scope["path"] == _DECIDE and scope["method"] == "POST"
        if is_decide and self.decide is not None:
            await self.decide(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _endpoints(
    settings: Settings, store: Store, follower: Follower, auth: Authenticator, pressure: StorePressure
) -> dict[str, ASGIApp]:
    """The endpoints, by their names in the table of routes."""
    decisions = DecisionService(
        store, follower.ids, follower.log_times, settings.decide_budget / 1000, metrics.count_decide_fault
    )
    budgets = SourceBudgets(store, settings, metrics.count_over_budget, pressure)
    limits = SourceLimits(budgets, settings.trusted_proxies)
    recorder = Recorder(store, follower.ids, follower.find, on_dropped=metrics.count_dropped_messages, budgets=budgets)
    limit = settings.max_body
    return {
        "decide": DecideEndpoint(auth, decisions, limit, settings.country_header, limits),
        "batch": BatchEndpoint(auth, recorder, limit, limits),
        **{kind: MessageEndpoint(auth, recorder, limit, kind, limits) for kind in get_args(Kind)},
        "sdk": SdkEndpoint(auth, read_files(), partial(check_signature, follower.ids)),
        "policies": PolicyEndpoint(auth, store, follower),
        "profiles": ProfileEndpoint(auth, VisitorData(store), follower, settings.erase_within),
        "previews": PreviewEndpoint(auth, follower.ids),
        "health": HealthEndpoint(auth),
        "readiness": ReadinessEndpoint(auth, store, follower),
        "metrics": MetricsEndpoint(auth, follower, store),
        "openapi": OpenApiEndpoint(auth),
    }
