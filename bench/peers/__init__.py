"""Sudstat beside what a user would pick instead: the same record, the same questions, the same answers."""
