"""Hazards of statements that change a schema or much data: one function for a row of the table."""
