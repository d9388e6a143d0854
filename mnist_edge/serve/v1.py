"""The endpoints of pictures: `/v1/predict`, `/v1/line`, `/v1/explain`, `/v1/models`."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mnist_edge.formats.table import FORMATS, of_path
from mnist_edge.runtime.answers import Line, Prediction
from mnist_edge.serve import pictures
from mnist_edge.serve.openapi import OF_A_BODY, PICTURE, PICTURES, failures
from mnist_edge.serve.pictures import Explanation, Unanswered
from mnist_edge.serve.pool import Cancellation
from mnist_edge.serve.problems import json_response
from mnist_edge.serve.service import Service

MOST_DIGITS = 999  # as of predict --digits

Answers = Prediction | list[Prediction | Unanswered]


@dataclasses.dataclass(frozen=True)
class Model:
    """A model that is served.

    Attributes:
        name: what it is called.
        file: the name of its file.
        bytes: the size of that.
        format: which of the formats it is in.
        formats: the files of the formats of the same model that lie beside it.
        metrics: the dataset it was judged on, and its accuracy per format.
        contract: what it says of itself.
    """

    name: str
    file: str
    bytes: int
    format: str | None
    formats: dict[str, str]
    metrics: dict[str, Any]
    contract: dict[str, Any]


def router(service: Service) -> APIRouter:
    """Return the endpoints of a service."""
    routes = APIRouter(prefix="/v1", tags=["pictures"])
    classifier = service.classifier

    async def predict(request: Request) -> Response:
        """Answer a picture as predict --json does, or many in their places, errors too."""
        body, content_type = await request.body(), request.headers.get("content-type", "")
        if pictures.is_form(content_type):

            def many(cancellation: Cancellation) -> Response:
                parts = pictures.parts_of(content_type, body)
                answers = pictures.predict_many(classifier, parts, cancellation)
                service.count(*map(pictures.reason_of, answers))
                return json_response(answers)  # of many, which takes a while

            return await service.answer(request, many)

        def one(_: Cancellation) -> Prediction:
            return classifier.predict(body)

        answer = await service.answer(request, one, here=pictures.is_small(body))
        service.count(answer.reason)
        return json_response(answer)

    async def line(
        request: Request, digits: Annotated[int | None, Query(ge=1, le=MOST_DIGITS)] = None
    ) -> Response:
        """Read a line of digits: of so many, or of as many as there are."""
        body, content_type = await request.body(), request.headers.get("content-type", "")

        def job(_: Cancellation) -> Line:
            return classifier.read_line(pictures.picture_of(content_type, body), digits)

        answer = await service.answer(request, job)
        service.count(answer.reason)
        return json_response(answer)

    async def explain(request: Request) -> Response:
        """Answer a picture, and tell in words and drawings how it was read."""
        body, content_type = await request.body(), request.headers.get("content-type", "")

        def job(_: Cancellation) -> Explanation:
            return pictures.explained(classifier, pictures.picture_of(content_type, body))

        answer = await service.answer(request, job)
        service.count(answer.prediction.reason)
        return json_response(answer)

    described = _described(service)

    async def models() -> Response:
        """List what is served."""
        return json_response([described])

    refusals = failures(*OF_A_BODY, 422)
    for path, endpoint, answer, body in (
        ("/predict", predict, Answers, PICTURES),
        ("/line", line, Line, PICTURE),
        ("/explain", explain, Explanation, PICTURE),
    ):
        routes.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=answer,
            responses=refusals,
            openapi_extra=body,
        )
    routes.add_api_route("/models", models, response_model=list[Model], responses=failures(401))
    return routes


def _described(service: Service) -> Model:
    contract, file = service.classifier.contract, service.file
    row = of_path(file)
    beside = {
        other.name: path.name
        for other in FORMATS.values()
        if (path := other.path(file.parent, service.name)).is_file()
    }
    described = dataclasses.asdict(contract)
    return Model(
        service.name,
        file.name,
        file.stat().st_size,
        row.name if row else None,
        beside,
        described["metrics"],
        described,
    )
