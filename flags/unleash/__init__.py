"""Unleash's format beside ours: given out and taken in. Pure."""
