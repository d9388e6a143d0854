"""The endpoints of the Open Inference Protocol, `/v2/…`; their tensors are in `tensors`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

import mnist_edge
from mnist_edge.contract import LABELS, SIZE
from mnist_edge.serve import tensors
from mnist_edge.serve.openapi import OF_A_BODY, TENSORS, Responses, failures
from mnist_edge.serve.pool import Cancellation
from mnist_edge.serve.problems import Problem, json_response
from mnist_edge.serve.service import Service


@dataclass(frozen=True)
class Server:
    """What serves: its name and version, and the extensions of the protocol that it knows."""

    name: str
    version: str
    extensions: list[str]


@dataclass(frozen=True)
class Live:
    """Whether it answers."""

    live: bool = True


@dataclass(frozen=True)
class Ready:
    """Whether a model can be asked."""

    name: str
    ready: bool = True


@dataclass(frozen=True)
class Tensor:
    """An input or output; -1 stands for any size."""

    name: str
    datatype: str
    shape: list[int]


@dataclass(frozen=True)
class Metadata:
    """What a model takes and gives."""

    name: str
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


@dataclass(frozen=True)
class Inference:
    """An answer, where its numbers are JSON."""

    model_name: str
    outputs: list[dict[str, Any]]
    id: str | None = None


HEADER_LENGTH = "Inference-Header-Content-Length"


def router(service: Service) -> APIRouter:
    """Return the endpoints of a service."""
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
    metadata = Metadata(
        service.name,
        f"mnist-edge_{service.file.suffix[1:]}",
        [Tensor(tensors.INPUT, "FP32", [-1, SIZE, SIZE])],
        [Tensor(tensors.OUTPUT, "FP32", [-1, len(LABELS)])],
    )

    def check(model: str) -> None:
        if model != service.name:
            raise Problem(404, "there is no such model.", f"{service.name} is served.")

    async def server() -> Response:
        """Say what serves."""
        extensions = ["binary_tensor_data"]
        return json_response(Server("mnist-edge", mnist_edge.__version__, extensions))

    async def live() -> Response:
        """Say that requests are answered."""
        return json_response(Live())

    async def model_metadata(model: str) -> Response:
        """Say what a model takes and gives."""
        check(model)
        return json_response(metadata)

    async def model_ready(model: str) -> Response:
        """Say that a model can be asked."""
        check(model)
        return json_response(Ready(model))

    async def infer(model: str, request: Request) -> Response:
        """Answer pictures in MNIST's own form with the probabilities of the ten digits."""
        check(model)
        body, length = await request.body(), request.headers.get(HEADER_LENGTH)

        def job(_: Cancellation) -> tuple[bytes, int | None]:
            asked = tensors.parse(body, length)
            answers = service.classifier.engine.run(asked.images)
            return tensors.answer(model, asked, answers)

        answer, size = await service.answer(request, job)
        if size is None:
            return Response(answer, media_type="application/json")
        return Response(answer, 200, {HEADER_LENGTH: str(size)}, "application/octet-stream")

    for path, endpoint, answer, refusals in (
        ("", server, Server, (401,)),
        ("/health/live", live, Live, ()),
        ("/health/ready", live, Live, ()),
        ("/models/{model}", model_metadata, Metadata, (401, 404, 422)),
        ("/models/{model}/ready", model_ready, Ready, (401, 404, 422)),
    ):
        routes.add_api_route(
            path, endpoint, response_model=answer, responses=failures(*refusals), name=path
        )
    binary: Responses = {200: {"content": {"application/octet-stream": {}}}}
    routes.add_api_route(
        "/models/{model}/infer",
        infer,
        methods=["POST"],
        response_model=Inference,
        responses={**failures(*OF_A_BODY, 400, 404, 422), **binary},
        openapi_extra=TENSORS,
    )
    return routes
