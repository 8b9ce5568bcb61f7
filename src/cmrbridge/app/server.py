"""The routes of docs/reference/openapi.yaml, and what holds them together while the server runs."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from cmrbridge.app.downloads import frame_file, image_file, made_file, translated_file, truth_file
from cmrbridge.app.engine import Engine, Failed, Refused
from cmrbridge.app.package import Package
from cmrbridge.app.pages import Page, read_pages
from cmrbridge.app.receive import receive_body, unless_gone
from cmrbridge.app.security import Guard
from cmrbridge.app.segmenting import segmented
from cmrbridge.app.settings import FULL_DISK, Allowed, is_full_disk
from cmrbridge.app.shelf import Full, Open, Shelf

GONE = "the study is not open any more; open it again"
SWEEP_S = 30
KEPT = ("frames", "spacing", "seconds_per_frame", "phases", "ed", "es", "notes", "source", "truth")


@dataclass(frozen=True)
class Server:
    """What the routes share. packages: by name, the first is the default; root: folder of the cases."""

    packages: dict[str, Package]
    engine: Engine
    shelf: Shelf
    allowed: Allowed
    pages: dict[str, Page]


def application(packages: dict[str, Package], root: Path, threads: int, allowed: Allowed) -> Starlette:
    """The server without its guard; ``root``: a private folder, removed by whoever made it."""
    folders = [str(package.folder.resolve()) for package in packages.values() if not package.adapted]
    engine = Engine(folders, threads, allowed)
    app = Starlette(routes=ROUTES, exception_handlers=HANDLERS, lifespan=_lifespan)
    app.state.server = Server(packages, engine, Shelf(root, allowed), allowed, read_pages())
    return app


def guarded(app: Starlette, port: int, token: str) -> ASGIApp:
    """The application as it may face the network."""
    return Guard(app, port, token)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    server: Server = app.state.server
    server.engine.warm()
    sweeping = asyncio.create_task(_sweep(server.shelf))
    try:
        yield
    finally:
        sweeping.cancel()
        await server.engine.close()


async def _sweep(shelf: Shelf) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        shelf.sweep()


def _server(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


def _case(request: Request) -> Open:
    case = _server(request).shelf.get(request.path_params["case"])
    if case is None:
        raise HTTPException(404, GONE)
    return case


def _model(request: Request) -> Package:
    packages = _server(request).packages
    name = request.query_params.get("model") or next(iter(packages))
    if name not in packages:
        raise HTTPException(404, f"there is no such model; choose from {', '.join(packages)}")
    return packages[name]


def _number(text: str | None, case: Open, default: int) -> int:
    """The number of a frame."""
    if not text:
        return default
    if not (re.fullmatch(r"[0-9]{1,9}", text) and int(text) < case.about["frames"]):
        raise HTTPException(404, f"there is no such frame; they count from 0 to {case.about['frames'] - 1}")
    return int(text)


async def index(request: Request) -> Response:
    return _static(request, "index.html")


async def static(request: Request) -> Response:
    return _static(request, request.path_params["path"])


def _static(request: Request, name: str) -> Response:
    page = _server(request).pages.get(name)
    if page is None:
        raise HTTPException(404, "there is no such page")
    if request.headers.get("if-none-match") == page.headers["ETag"]:
        return Response(status_code=304, headers=page.headers)
    return Response(page.content, headers=page.headers)


async def models(request: Request) -> Response:
    server = _server(request)
    shown = [package.shown() for package in server.packages.values()]
    return JSONResponse({"models": shown, "limits": {"bytes": server.allowed.upload, "cases": server.allowed.cases}})


async def upload(request: Request) -> Response:
    server = _server(request)
    case = server.shelf.add()
    path = case.folder / "upload"

    async def fill() -> dict[str, Any]:
        await receive_body(request, path, server.allowed)
        words = {"do": "open", "upload": str(path), "folder": str(case.folder)}
        return (await unless_gone(request, server.engine.call(words, server.allowed.open_s)))[0]

    return await _opened(server, case, fill)


async def sample(request: Request) -> Response:
    server = _server(request)
    case = server.shelf.add()

    async def fill() -> dict[str, Any]:
        words = {"do": "sample", "folder": str(case.folder)}
        return (await unless_gone(request, server.engine.call(words, server.allowed.open_s)))[0]

    return await _opened(server, case, fill)


async def _opened(server: Server, case: Open, fill: Callable[[], Any]) -> Response:
    """The answer about a new case; the case is closed again where it could not be filled."""
    try:
        with server.shelf.using(case):
            case.about = await fill()
    finally:
        if not case.about:
            server.shelf.drop(case.key)
    about = {name: case.about[name] for name in KEPT}
    x, y, slices = case.about["shape"]
    return JSONResponse({"case": case.key, "shape": [x, y, slices], "slices": slices, **about}, 201)


async def close(request: Request) -> Response:
    _server(request).shelf.drop(_case(request).key)
    return Response(status_code=204)


async def segment(request: Request) -> Response:
    server, case, package = _server(request), _case(request), _model(request)
    return StreamingResponse(
        segmented(server.engine, server.shelf, server.allowed, case, package), media_type="application/x-ndjson"
    )


async def measures(request: Request) -> Response:
    from cmrbridge.app.measures import summary

    case, package = _case(request), _model(request)
    ed, es = _phases(request, case)
    results = case.results.get(package.name, {})
    if not {ed, es} <= set(results):
        raise HTTPException(409, "these frames are not segmented yet; wait, or segment the study first")
    return JSONResponse({"ed": ed, "es": es, **summary({number: one.ml for number, one in results.items()}, ed, es)})


def _phases(request: Request, case: Open) -> tuple[int, int]:
    asked = request.query_params
    return _number(asked.get("ed"), case, case.about["ed"]), _number(asked.get("es"), case, case.about["es"])


async def frame(request: Request) -> Response:
    case = _case(request)
    return await _file(request, frame_file, case, _number(request.path_params["frame"], case, 0))


async def translated(request: Request) -> Response:
    server, case, package = _server(request), _case(request), _model(request)
    number = _number(request.path_params["frame"], case, 0)
    if package.translator is None:
        raise HTTPException(404, "this model has no translator; only an export of a study that adapts images has one")
    words = {"do": "translate", "folder": str(case.folder), "model": package.name, "frame": number}
    with server.shelf.using(case):
        _, voxels = await unless_gone(request, server.engine.call(words, server.allowed.frame_s))
    return await _file(request, translated_file, case, number, voxels)


async def truth(request: Request) -> Response:
    case = _case(request)
    if not case.about["truth"]:
        raise HTTPException(404, "nobody knows the truth about this study; only the sample has one")
    return await _file(request, truth_file, case, _number(request.path_params["frame"], case, 0))


async def image(request: Request) -> Response:
    return await _file(request, image_file, _case(request))


async def download(request: Request) -> Response:
    case, package = _case(request), _model(request)
    name = request.path_params["name"]
    if len(case.results.get(package.name, {})) < case.about["frames"]:
        raise HTTPException(409, "the study is not segmented to its end yet; wait for it, then download")
    return await _file(request, made_file, name, case, package, *_phases(request, case))


async def _file(request: Request, make: Callable[..., Any], *what: Any) -> Response:
    """A file that is made in a thread, while its case is kept."""
    with _server(request).shelf.using(_case(request)):
        content, kind, name = await asyncio.to_thread(make, *what)
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _told(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)


async def _refused(request: Request, error: Exception) -> Response:
    return _told(422, str(error))


async def _failed(request: Request, error: Exception) -> Response:
    return _told(503, str(error))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _told(error.status_code, error.detail)


async def _system(request: Request, error: Exception) -> Response:
    if isinstance(error, OSError) and is_full_disk(error):
        return _told(507, FULL_DISK)
    if isinstance(error, FileNotFoundError) and "case" in request.path_params:  # closed in the meantime
        return _told(404, GONE)
    raise error


async def _left(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it


async def _unknown(request: Request, error: Exception) -> Response:
    return _told(500, "the server failed with an error of its own; see the terminal and report it")


HANDLERS: dict[Any, Any] = {
    HTTPException: _http,
    Refused: _refused,
    Failed: _failed,
    Full: _failed,
    OSError: _system,
    ClientDisconnect: _left,
    Exception: _unknown,
}
ROUTES = [
    Route("/", index),
    Route("/static/{path:path}", static),
    Route("/api/models", models),
    Route("/api/cases", upload, methods=["POST"]),
    Route("/api/sample", sample, methods=["POST"]),
    Route("/api/cases/{case}", close, methods=["DELETE"]),
    Route("/api/cases/{case}/frames/{frame}.nii.gz", frame),
    Route("/api/cases/{case}/translated/{frame}.nii.gz", translated),
    Route("/api/cases/{case}/truth/{frame}.nii.gz", truth),
    Route("/api/cases/{case}/image.nii.gz", image),
    Route("/api/cases/{case}/segment", segment, methods=["POST"]),
    Route("/api/cases/{case}/measures", measures),
    Route("/api/cases/{case}/download/{name}", download),
]
