"""The pages: documentation with its own assets, and what each problem means. A client of /v1 like any other."""

from app.web.pages import make_router

__all__ = ["make_router"]
