"""Every result in key order, on disk: provisional ones first, corrected at the end."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from s3copy_cli.verify.compare import Outcome
from s3copy_cli.verify.results import ObjectResult
from s3copy_cli.verify.walk import key_order


class Sink(Protocol):
    """Is told what is finally known."""

    def on_final(self, result: ObjectResult) -> None:
        """One key, once, in key order."""


class Spool:
    """Holds what the walk found until waiting and looking again have corrected it. A context manager.

    A million objects would not fit into memory, so they are in a temporary file; of one that is proved only its key.
    Corrections are in memory: as many as there are keys that were looked at again.
    """

    def __init__(self) -> None:
        # Lives as long as this object.
        self._file = tempfile.TemporaryFile(prefix="s3copy-")  # noqa: SIM115
        self._corrections: dict[str, ObjectResult | None] = {}

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, result: ObjectResult) -> None:
        """What the walk found; keys come in order."""
        record = result.key if result.outcome is Outcome.PROVED else result
        pickle.dump(record, self._file, pickle.HIGHEST_PROTOCOL)

    def correct(self, key: str, result: ObjectResult | None) -> None:
        """What a later look found; None if neither bucket has the key any more."""
        self._corrections[key] = result

    def iter_final(self) -> Iterator[ObjectResult]:
        """What is finally known of every key, in key order."""
        corrections = [(key_order(key), key) for key in self._corrections]
        corrections.sort(reverse=True)
        for result in self._iter_spooled():
            order = key_order(result.key)
            # A key that appeared after the walk.
            while corrections and corrections[-1][0] < order:
                yield from self._corrected(corrections.pop()[1])
            if corrections and corrections[-1][0] == order:
                yield from self._corrected(corrections.pop()[1])
            else:
                yield result
        while corrections:
            yield from self._corrected(corrections.pop()[1])

    def _corrected(self, key: str) -> Iterator[ObjectResult]:
        result = self._corrections[key]
        if result is not None:
            yield result

    def _iter_spooled(self) -> Iterator[ObjectResult]:
        self._file.seek(0)
        while True:
            try:
                # Nobody else can write to this file: it has no name.
                record = pickle.load(self._file)  # noqa: S301
            except EOFError:
                return
            yield ObjectResult(record, Outcome.PROVED) if isinstance(record, str) else record
