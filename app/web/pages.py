"""Pages: /docs (Swagger UI), /redoc (Redoc), their files, what a problem means, and the way from / to /docs.

Nothing here comes from another host, and the policy sent with each page makes sure of that.
"""

import asyncio
import json
from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.errors import NotFound, Problem, all_problems
from app.web.files import Asset, names, read_asset

_CACHE = "public, max-age=60, stale-while-revalidate=600"
# style-src 'unsafe-inline': Swagger UI sets style attributes, and Redoc's styled-components writes style elements;
# neither takes a nonce for all of them. Styles cannot run scripts. img-src data: is for the icons in Swagger UI's
# style sheet, worker-src blob: for Redoc's search index, which runs in a worker made from its own bundle.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": _CACHE}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{base}docs/assets/favicon.png">
{links}
</head>
<body>
{body}
</body>
</html>
"""
_DOCS = _PAGE.format(
    title="Sudstat: API",
    base="",
    links='<link rel="stylesheet" href="docs/assets/swagger-ui.css">\n'
    '<link rel="stylesheet" href="docs/assets/pages.css">',
    body='<div id="swagger-ui"></div>\n<script src="docs/assets/swagger-ui-bundle.js"></script>\n'
    '<script src="docs/assets/docs.js"></script>',
)
_REDOC = _PAGE.format(
    title="Sudstat: API reference",
    base="",
    links='<link rel="stylesheet" href="docs/assets/pages.css">',
    body='<div id="redoc"></div>\n<script src="docs/assets/redoc.standalone.js"></script>\n'
    '<script src="docs/assets/redoc.js"></script>',
)


def make_router() -> APIRouter:
    """The routes of the pages."""
    router = APIRouter(include_in_schema=False)
    served = names()
    known: list[type[Problem]] = [Problem, *all_problems()]
    problems = {problem.slug: problem for problem in known}

    @router.get("/")
    async def go_to_docs() -> Response:
        """Show the documentation first."""
        return RedirectResponse("docs", headers={"Cache-Control": _CACHE})

    @router.get("/docs")
    async def show_docs() -> Response:
        """Swagger UI."""
        return HTMLResponse(_DOCS, headers=_HEADERS)

    @router.get("/redoc")
    async def show_redoc() -> Response:
        """Redoc."""
        return HTMLResponse(_REDOC, headers=_HEADERS)

    @router.get("/docs/assets/{name}")
    async def send_asset(request: Request, name: str) -> Response:
        """A file of the pages."""
        if name not in served:
            raise NotFound("There is no such file.")
        return _send(await asyncio.to_thread(read_asset, name), request)

    @router.get("/problems/{slug}")
    async def show_problem(slug: str) -> Response:
        """What a problem means."""
        if slug not in problems:
            raise NotFound(f"There is no problem {slug[:40]}; the problems are {', '.join(sorted(problems))}.")
        return HTMLResponse(_explain(problems[slug]), headers=_HEADERS)

    return router


def _send(asset: Asset, request: Request) -> Response:
    is_packed = asset.packed is not None and "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{asset.tag}{"-gzip" if is_packed else ""}"'
    headers = {"ETag": tag, "Cache-Control": _CACHE}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    body = asset.packed if is_packed else asset.body
    return Response(body, media_type=asset.media_type, headers=headers)


def _explain(problem: type[Problem]) -> str:
    body = (
        f"<main><h1>{escape(problem.title)}</h1>\n"
        f"<p>Problem <code>{escape(problem.slug)}</code>, status {problem.status}.</p>\n"
        f"<h2>What happened</h2>\n<p>{escape(problem.happened)}</p>\n"
        f"<h2>What would be right</h2>\n<p>{escape(problem.remedy)}</p>\n"
        f"<h2>An example</h2>\n<pre>{escape(problem.asked)}</pre>\n<pre>{escape(_shown(problem))}</pre>\n"
        "<p>The <code>detail</code> of an answer says what was wrong with that request and what would be right, its"
        " <code>errors</code> say where, and <code>request_id</code> is by which our log knows the request.</p></main>"
    )
    links = '<link rel="stylesheet" href="../docs/assets/pages.css">'
    return _PAGE.format(title=escape(problem.title), base="../", links=links, body=body)


def _shown(problem: type[Problem]) -> str:
    """The answer to the example: what tells this problem from another."""
    told = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.told,
    }
    return json.dumps(told, ensure_ascii=False, indent=2)
