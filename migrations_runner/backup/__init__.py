"""Backups before a run: our own dumps, verified, or a provider's that a person attests.

`verbs` asks and attests, `taking` dumps in a worker, `verifying` looks at a file, `needing` refuses
a run without a fresh backup, `retention` removes old files and notices missing ones.
"""
