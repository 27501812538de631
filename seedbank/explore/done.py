"""Which cells of a sweep the bank has already, whoever made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seedbank.explore.cells import Planned
from seedbank.explore.starts import Start, Starts
from seedbank.records import Run
from seedbank.store import cells as stored

if TYPE_CHECKING:
    from seedbank.store import Store


class Done:
    """The cells that are entries, of the present environment or of the run, if there is one."""

    def __init__(self, store: Store, starts: Starts, run: Run | None) -> None:
        self._store = store
        self._starts = starts
        self._run = run
        self._others = set() if run is None else stored.reused(store, run.id)
        """Entries of others that the run has taken for its own."""
        self._renamed = {} if run is None else stored.renamed(store, run.id)

    def find(self, planned: Sequence[Planned]) -> dict[int, stored.Rendered]:
        """{position: entry} of the cells that are in the bank already."""
        wanted = {one.position: one for one in planned if one.recipe is not None}
        found = stored.rendered(self._store, dict.fromkeys(one.digest for one in wanted.values()))
        done = {}
        for position, cell in wanted.items():
            assert cell.start is not None
            if fitting := [one for one in found.get(cell.digest, []) if self._is_ours(one, cell.start)]:
                done[position] = fitting[0]
            elif self._run is not None and cell.digest in self._renamed:
                done[position] = stored.Rendered(self._renamed[cell.digest], cell.start.environment, self._run.id)
        return done

    def _is_ours(self, one: stored.Rendered, start: Start) -> bool:
        """Whether an entry with a cell's recipe is that cell: made by this run, or by anybody in the same environment.

        Along an axis of devices recipes are the same, and only the environment tells the cells apart."""
        if one.environment == start.environment:
            return True
        made = one.id in self._others or (self._run is not None and one.run == self._run.id)
        return made and (not self._starts.share_recipes or one.environment in start.began)

    def reuse(self, ids: set[int]) -> set[int]:
        """The run has these entries of others for its own; gives those that it had not before."""
        assert self._run is not None
        if new := ids - self._others:
            stored.reuse(self._store, self._run.id, new)
            self._others |= new
        return new
