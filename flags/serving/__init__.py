"""The ruleset that this process answers from: read, compiled, kept, and who has heard of it."""
