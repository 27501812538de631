"""A bank of which people say something, and from which they take entries out: opinions, and the trash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seedbank.errors import BadInput
from seedbank.store.opened import Opened

# What only writing needs is imported inside the methods: listing entries must stay quick to start.
if TYPE_CHECKING:
    from seedbank.records import OpinionEvent
    from seedbank.store.writing import Act


class Editable(Opened):
    """An opened bank whose entries can be tagged, rated, noted, thrown away and brought back."""

    # -- opinions -----------------------------------------------------------------------------------------------------

    def tag(self, ids: Iterable[int], names: Iterable[str], user: str | None = None, act: Act | None = None) -> int:
        """The entries' images have these tags, as a part of `act` if that is given; gives how many images changed."""
        from seedbank.store import opinions

        with self._write(user) as work:
            return opinions.add_tags(work, list(ids), list(names), None if act is None else act.number)

    def untag(self, ids: Iterable[int], names: Iterable[str], user: str | None = None) -> int:
        """The entries' images do not have these tags; gives how many images changed."""
        from seedbank.store import opinions

        with self._write(user) as work:
            return opinions.remove_tags(work, list(ids), list(names))

    def favourite(self, ids: Iterable[int], on: bool = True, user: str | None = None) -> int:
        """The entries' images are favourites of the user, or not; gives how many images changed."""
        from seedbank.store import opinions

        with self._write(user) as work:
            return opinions.set_opinion(work, "favourite", list(ids), "favourite", bool(on))

    def rate(self, ids: Iterable[int], rating: int | None, user: str | None = None) -> int:
        """The user rates the entries' images 0 to 5, or not at all (None); gives how many images changed."""
        from seedbank.store import opinions

        if rating is not None and (type(rating) is not int or not 0 <= rating <= 5):
            raise BadInput(f"A rating is a whole number from 0 to 5, not {rating!r}.")
        with self._write(user) as work:
            return opinions.set_opinion(work, "rating", list(ids), "rating", rating)

    def note(self, ids: Iterable[int], text: str, user: str | None = None) -> int:
        """The user's note on the entries' images is `text`, none when it is empty; gives how many images changed."""
        from seedbank.store import opinions

        note = opinions.checked_note(text)
        with self._write(user) as work:
            return opinions.set_opinion(work, "note", list(ids), "note", note)

    def history(self, number: int) -> list[OpinionEvent]:
        """All that was ever said about the entry's image, oldest first."""
        from seedbank.store.history import history

        with self._database.reading() as connection:
            return history(connection, number)

    # -- trash and audit ----------------------------------------------------------------------------------------------

    def trash(self, ids: Iterable[int], user: str | None = None) -> list[int]:
        """The entries are in the trash; gives those that were not before."""
        from seedbank.store import trash

        with self._write(user) as work:
            return trash.trash(work, list(ids))

    def restore(self, ids: Iterable[int], user: str | None = None) -> list[int]:
        """The entries are out of the trash; gives those that were in it."""
        from seedbank.store import trash

        with self._write(user) as work:
            return trash.restore(work, list(ids))

    def purge(self, ids: Iterable[int], user: str | None = None) -> list[int]:
        """The entries are gone for good, with all that nothing else needs; `BadInput` for one not in the trash."""
        from seedbank.store import trash

        with self._write(user) as work:
            return trash.purge(work, list(ids))
