"""The HTTP edge: one file for each resource, and what they share. No SQL."""
