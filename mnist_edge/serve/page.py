"""The page to draw on over HTTP: each of its files from where it lies."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.endpoints import HTTPEndpoint
from starlette.responses import FileResponse, Response

from mnist_edge.serve import site

# Files may be kept, but are asked for whether they are still the same: another version may be
# installed at any time.
_KEEPING = {"Cache-Control": "no-cache"}


def add_page(app: FastAPI) -> None:
    """Let an application give the page, under its own policy, at `/`.

    Raises:
        ModelError: the shipped model is missing or damaged.
        DataError: onnxruntime is installed without its licence.
    """
    headers = _KEEPING | {
        "Content-Security-Policy": site.policy(),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    for name, content in site.served().items():
        endpoint = _endpoint(content, site.media_type(name), headers)
        app.router.add_route(f"/{name}", endpoint)
        if name == site.INDEX:
            app.router.add_route("/", endpoint)


def _endpoint(content: site.Content, media_type: str, headers: dict[str, str]) -> type:
    class File(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            if isinstance(content, bytes):
                return Response(content, 200, headers, media_type)
            response = FileResponse(content, 200, headers, media_type, stat_result=content.stat())
            if response.headers["etag"] == request.headers.get("if-none-match"):
                return Response(None, 304, headers)
            return response

    return File
