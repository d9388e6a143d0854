"""The application: endpoints, and around them the layers that every request passes."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

import mnist_edge
from mnist_edge.errors import printable
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve import v1, v2
from mnist_edge.serve.bodies import Bodies
from mnist_edge.serve.metrics import MEDIA_TYPE, Metrics
from mnist_edge.serve.middleware import GONE, Access, Observing, Shortcut, unexpected
from mnist_edge.serve.openapi import document, failures
from mnist_edge.serve.page import add_page
from mnist_edge.serve.pool import ClientGone, Pool
from mnist_edge.serve.problems import Problem
from mnist_edge.serve.service import Service
from mnist_edge.serve.settings import Settings

# What pages of other origins may send and read.
_SENT = ("Authorization", "Content-Type", "X-Request-ID", v2.HEADER_LENGTH)
_READ = ("Retry-After", "X-Request-ID", v2.HEADER_LENGTH)


def build(classifier: Classifier, settings: Settings) -> ASGIApp:
    """Return the application that serves a model."""
    metrics = Metrics()
    pool = Pool(settings.max_concurrency)
    service = Service(classifier, settings.model, pool, metrics)
    app = FastAPI(
        title="mnist-edge",
        version=mnist_edge.__version__,
        summary=f"The model {service.name}: handwritten digits in pictures.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    pictures = v1.router(service)
    app.include_router(pictures)
    app.include_router(v2.router(service))
    _add_pages(app, metrics)
    _add_failures(app)
    endpoints = {
        route.path: route.endpoint for route in pictures.routes if isinstance(route, APIRoute)
    }
    layers: ASGIApp = Shortcut(app, "/v1/predict", endpoints["/v1/predict"])
    layers = Bodies(layers, pool, settings.max_bytes, settings.body_seconds)
    if settings.token:
        layers = Access(layers, settings.token)
    if settings.cors:
        layers = CORSMiddleware(layers, settings.cors, ("GET", "POST"), _SENT, expose_headers=_READ)
    return Observing(layers, metrics)


def _add_pages(app: FastAPI, metrics: Metrics) -> None:
    async def count() -> Response:
        """Tell Prometheus what was done."""
        return Response(await asyncio.to_thread(metrics.text), media_type=MEDIA_TYPE)

    async def docs() -> HTMLResponse:
        return HTMLResponse(document(app.openapi()))

    app.add_api_route(
        "/metrics",
        count,
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **failures(401),
        },
        tags=["operation"],
    )
    app.add_api_route("/docs", docs, include_in_schema=False)
    add_page(app)


def _add_failures(app: FastAPI) -> None:
    """Let whatever goes wrong be answered as a cause and a remedy."""

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(ClientGone)
    async def gone(_: Request, __: ClientGone) -> Response:
        return Response(status_code=GONE)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return Problem(
            error.status_code,
            f"{error.detail.lower()}.",
            "see /docs for what there is.",
            error.headers,
        ).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = " ".join(map(str, first["loc"]))
        cause = printable(f"{where}: {first['msg']}")
        return Problem(422, f"{cause}.", "see /docs for what it may be.").response()

    @app.exception_handler(Exception)
    async def other(_: Request, __: Exception) -> Response:
        return unexpected().response()
