"""`GET /metrics` of a process, for Prometheus: the numbers of this process alone.

Only for the inside: the gateway knows no such route.
"""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response


def expose(app: FastAPI) -> CollectorRegistry:
    """Where the process's metrics are to be registered."""
    registry = CollectorRegistry()

    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route("/metrics", metrics, include_in_schema=False)
    return registry
