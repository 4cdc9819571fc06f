"""Hazards of statements that change a schema or much data. Each function is one row of the table."""
