"""Row-exact undo: the old value of every row that a script changed, kept on the target itself.

`capturing` notes them in the script's own transaction, `restoring` puts them back in one
transaction, `previewing` says what that would do, `retention` forgets them in time. `downs` is the
other way back: scripts that people wrote.
"""
