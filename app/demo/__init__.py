"""The demonstration record: an invented history that comes out at the published figures."""

from app.demo.files import NEWSROOM_SOURCE, SCRAPE_SOURCE
from app.demo.history import DemoFile, write_demonstration

__all__ = ["NEWSROOM_SOURCE", "SCRAPE_SOURCE", "DemoFile", "write_demonstration"]
