"""Everything that Footnote raises on purpose.

    FootnoteError
    ├── InputError              what was asked for cannot be done as asked
    │   ├── NothingToIndex      no path given holds a file that can be read
    │   ├── QuestionError       an empty question, or one that is too long
    │   │   └── FilterError     a filter in it has a value that it cannot have
    │   ├── SettingsError       a setting has a value that it cannot have
    │   └── ArchiveError        a file is no exported library, or damaged
    ├── SourceError             one file cannot be read or parsed; the others can
    ├── FetchError              one paper cannot be had from the network; the others can
    ├── LibraryError            the library cannot be used
    │   ├── LibraryMissing      there is none at that place yet
    │   ├── LibraryLocked       another process is writing it
    │   ├── LibraryCorrupt      its truth, catalogue.db, is damaged
    │   ├── LibraryTooNew       a newer version of Footnote made it
    │   └── LibraryFull         the disk is full, or does not let us write
    ├── ChatError               the chat model cannot be asked; the library can
    ├── ModelError              a model cannot be loaded or trusted
    └── ServiceError            a server cannot start, or does not answer

Each error carries one line for the person: what happened, where, and what to do about it.
The command line answers every one of them with exit code 2, the HTTP service with a problem document
(RFC 9457) whose status is the class's `status`.
"""

from __future__ import annotations


class FootnoteError(Exception):
    """The root of the tree. `str(error)` is one line: what, where, what to do."""

    status = 500


class InputError(FootnoteError):
    """What was asked for cannot be done as asked."""

    status = 400


class NothingToIndex(InputError):
    """No path given holds a file that can be read."""


class QuestionError(InputError):
    """The question is empty or too long."""

    status = 422


class FilterError(QuestionError):
    """A filter in the question has a value that it cannot have."""

    status = 400


class SettingsError(InputError):
    """A setting has a value that it cannot have."""


class ArchiveError(InputError):
    """A file is no library that was exported, or not as it was written."""


class SourceError(FootnoteError):
    """One file cannot be read or parsed; the others can."""


class FetchError(FootnoteError):
    """One paper cannot be had from the network. `again` says whether another run may have more luck."""

    status = 502

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class LibraryError(FootnoteError):
    """The library cannot be used."""

    status = 503


class LibraryMissing(LibraryError):
    """There is no library at that place yet."""


class LibraryLocked(LibraryError):
    """Another process is writing the library."""


class LibraryCorrupt(LibraryError):
    """The library's truth, catalogue.db, is damaged."""


class LibraryTooNew(LibraryError):
    """A newer version of Footnote made the library."""


class LibraryFull(LibraryError):
    """The disk is full, or does not let us write."""


class ChatError(FootnoteError):
    """The chat model cannot be asked; the library answers without it."""

    status = 502


class ModelError(FootnoteError):
    """A model cannot be loaded or trusted."""

    status = 503


class ServiceError(FootnoteError):
    """A server cannot start, or does not answer."""

    status = 503
