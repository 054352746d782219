"""Read the metrics of a test server."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.servers import Server


async def measured(server: Server) -> dict[str, float]:
    response = await server.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }
