from __future__ import annotations

import math

import httpx
import pytest

from edgewise.demo.server_status import ServerStatus, quantile, read_status

POLICY = {
    "placement": "home-hero",
    "learnerLagSeconds": 0.4,
    "model": {"version": 7, "sha256": "", "learnedDecisions": 321, "ageSeconds": 0.9},
}
METRICS = """
# TYPE edgewise_learning_delay_seconds histogram
edgewise_learning_delay_seconds_bucket{site="default",placement="home-hero",le="0.5"} 40
edgewise_learning_delay_seconds_bucket{site="default",placement="home-hero",le="1.0"} 98
edgewise_learning_delay_seconds_bucket{site="default",placement="home-hero",le="2.0"} 100
edgewise_learning_delay_seconds_bucket{site="default",placement="home-hero",le="+Inf"} 100
edgewise_learning_delay_seconds_bucket{site="default",placement="home-row",le="+Inf"} 5000
# TYPE edgewise_decide_seconds histogram
edgewise_decide_seconds_bucket{le="0.005"} 990
edgewise_decide_seconds_bucket{le="+Inf"} 1000
"""


def server(policy: object, metrics: str) -> httpx.AsyncClient:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/metrics":
            return httpx.Response(200, text=metrics)
        assert request.url.path == "/v1/policies/home-hero"
        assert request.headers["authorization"] == "Bearer secret"
        return httpx.Response(200, json=policy)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://server")


async def test_the_status_is_read_from_the_policy_and_the_metrics() -> None:
    assert await read_status(server(POLICY, METRICS), "secret") == ServerStatus(7, 0.9, 321, 0.4, 1.0, 2.0, 0.005)


async def test_the_status_without_a_model_has_zeros() -> None:
    policy = {**POLICY, "model": None}
    assert await read_status(server(policy, ""), "secret") == ServerStatus(lag=0.4)


@pytest.mark.parametrize(("share", "bound"), [(0.3, 1.0), (0.5, 1.0), (0.51, 2.0), (0.99, math.inf)])
def test_a_quantile_is_the_lowest_bound_that_covers_its_share(share: float, bound: float) -> None:
    assert quantile({1.0: 5, 2.0: 9, math.inf: 10}, share) == bound


def test_a_quantile_requires_observations() -> None:
    assert quantile({1.0: 0, math.inf: 0}, 0.5) is None
    assert quantile({}, 0.5) is None
