"""Row-local statements in small batches, with the cursor in the same transaction.

`explain` says what would run, or why it can't; `carry_out` runs it. `pure` parts: walking, facts,
locality, expressions, sources, rewriting, explaining, pace, masking.
"""
