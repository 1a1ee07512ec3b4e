"""Sudstat: prosecution statistics from curated court records; every number is an address."""

__version__ = "1.0.0"
