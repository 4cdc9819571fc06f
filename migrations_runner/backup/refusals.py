"""Why there is no backup.

Refused
├── NoPlaceForBackups
├── NotEnoughSpace
├── NotABackup        the file does not say what a dump of this target has to say
├── BackupStopped
├── BackupNeeded      a run is refused because of it
└── NotAttestable
"""

from __future__ import annotations

from releases.refusals import Refused


class NoPlaceForBackups(Refused):
    """There is no folder for dumps that the worker may write to, so no backup was taken."""


class NotEnoughSpace(Refused):
    """The folder for dumps is too full for a dump of this target, so none was begun."""


class NotABackup(Refused):
    """The file that was written is not a whole dump of the target, so it was removed."""


class BackupStopped(Refused):
    """The backup was stopped, and its file was removed."""


class BackupNeeded(Refused):
    """This target needs a fresh backup before a run; nothing was run."""


class NotAttestable(Refused):
    """This target takes no person's word for a backup; nothing was written down."""
