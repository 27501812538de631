"""A bank as people curate it: tags, collections, undo, lineage, duplicates and numbers. `Library` adds rendering.

Everything here hands over; what it means stands in `store/curation.py`, `lineage.py` and `pages/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank
from seedbank.errors import BadInput, NotFound
from seedbank.readable import One, Which

if TYPE_CHECKING:
    from seedbank.lineage import EntryComparison, Tree
    from seedbank.records import Collection, Duplicates, Entry, Stats, Tag, TeamOpinion, Undone

LOOKS_ALIKE = 8
"""Bits of the perceptual hash between copies of a picture: re-encoded, scaled, slightly cropped."""

NEAR_COPY = 4
"""The same, where many are looked at: variants of a picture are not meant."""


class Catalogue(Bank):
    """A `Bank` with everything that people say of its pictures and ask about them."""

    def add(self, image: Any, recipe: Any = None, *, say: Callable[[str], None] | None = None, **known: Any) -> Entry:
        """As `Bank.add`; `say` gets a hint when the picture is new here but looks like another: a lossy copy has other
        pixels, so what was said of the original does not meet it by itself."""
        entry = super().add(image, recipe, **known)
        if say is not None and entry.picture is not None and len(self.store.entries_of_picture(entry.picture.digest)) == 1:
            for other, apart in self.alike(entry.id)[:1]:
                say(
                    f"Entry {entry.id} looks like entry {other.id}: {apart} of 64 bits differ. "
                    f"To take over what was said of that: seedbank adopt {other.id} {entry.id}"
                )
        return entry

    # -- opinions -----------------------------------------------------------------------------------------------------

    def tag(self, which: Which, *names: str) -> list[int]:
        """Give the images these tags; the ids that were named."""
        return self._opine(which, lambda ids: self.store.tag(ids, names))

    def untag(self, which: Which, *names: str) -> list[int]:
        """Take these tags away."""
        return self._opine(which, lambda ids: self.store.untag(ids, names))

    def favourite(self, which: Which, on: bool = True) -> list[int]:
        """Make the images favourites, or no longer."""
        return self._opine(which, lambda ids: self.store.favourite(ids, on))

    def rate(self, which: Which, rating: int | None) -> list[int]:
        """Rate the images 0 to 5, or take the rating away with None."""
        return self._opine(which, lambda ids: self.store.rate(ids, rating))

    def note(self, which: Which, text: str) -> list[int]:
        """Write your note on the images; an empty one takes it away."""
        return self._opine(which, lambda ids: self.store.note(ids, text))

    def history(self, which: One) -> Iterator[Any]:
        """The history of the opinions on an entry's image, oldest first."""
        yield from self.store.history(self.entry(which).id)

    def tags(self) -> list[Tag]:
        """All tags with how many pictures have each, the commonest first."""
        return self.store.curation.tags()

    def rename_tag(self, old: str, new: str) -> int:
        """Call a tag something else on every picture; how many have it."""
        return self.store.curation.rename_tag(old, new)

    def merge_tags(self, old: str, into: str) -> int:
        """Give every picture with the tag `old` the tag `into` instead; how many."""
        return self.store.curation.merge_tags(old, into)

    def team(self, which: Which) -> dict[int, list[TeamOpinion]]:
        """{entry id: favourite, rating and note of each user}."""
        return self.store.curation.team(self.resolve(which))

    def undo(self, operation: int | None = None) -> Undone:
        """Take back what an operation changed, by default your latest; what was changed since stays, and is said."""
        return self.store.curation.undo(operation)

    def adopt(self, source: One, which: Which) -> int:
        """Give the images of `which` what was said of that of `source`: its tags, and your own opinions."""
        return self.store.curation.adopt(self.entry(source).id, self.resolve(which))

    # -- the trash ----------------------------------------------------------------------------------------------------

    def trash(self, which: Which) -> list[int]:
        """Move entries to the trash; `restore` brings them back."""
        return self._opine(which, lambda ids: self.store.trash(ids))

    def restore(self, which: Which) -> list[int]:
        """Bring entries back from the trash."""
        return self._opine(which, self.store.restore, trash=True)

    def purge(self, which: Which) -> list[int]:
        """Delete entries in the trash for good; `gc` removes their files later."""
        return self._opine(which, self.store.purge, trash=True)

    def chosen(self, which: Which, *, trash: bool | None = False) -> list[int]:
        """The ids that WHICH names, for changing them. Raises `BadInput` for "everything but …"."""
        if isinstance(which, str) and which.lstrip().startswith(("-", "^")):
            # A mistyped option reads as "everything but …", which nobody means when something changes.
            raise BadInput(
                f"{which!r} would change everything but a few entries.", "Say what is meant, such as id:1.. and then the rest."
            )
        return self.resolve(which, trash=trash)

    def _opine(self, which: Which, act: Any, *, trash: bool = False) -> list[int]:
        ids = self.chosen(which, trash=trash)
        act(ids)
        return ids

    # -- collections --------------------------------------------------------------------------------------------------

    def collections(self) -> list[Collection]:
        """All collections and saved searches, by name."""
        return self.store.curation.collections()

    def collection(self, name: str) -> list[Entry]:
        """The entries of a collection in its order, or what a saved search finds, newest first."""
        from seedbank.query import parse_saved

        found = self.store.curation.collection(name)
        if found.query is None:
            return self.store.entries(self.store.curation.entries_in(name))
        return self.store.entries(list(self.store.ids(parse_saved(found.name, found.query))))

    def create_collection(self, name: str, query: str | None = None) -> None:
        """Make a collection, or with `query` a saved search, which goes by a name in the same way."""
        if query is not None:
            self.find(query, limit=1)  # a query that makes no sense is refused now, not when it is used
        self.store.curation.create_collection(name, query)

    def collect(self, name: str, which: Which) -> int:
        """Put the images of `which` into a collection, at its end; how many came in."""
        return self.store.curation.collect(name, self.resolve(which))

    def take_out(self, name: str, which: Which) -> int:
        """Take the images of `which` out of a collection; how many were in it."""
        return self.store.curation.take_out(name, self.resolve(which))

    def move(self, name: str, which: Which, before: int | str | None = None) -> int:
        """Put the images of `which` before an entry of the collection, or at its end."""
        return self.store.curation.move(name, self.resolve(which), None if before is None else self.entry(before).id)

    def collection_json(self, name: str) -> dict[str, Any]:
        """The collection as JSON values that `receive_collection` takes in another bank: pictures go by their digests.

        A saved search that names numbers of this bank, as that of a sweep does, goes as the pictures that it finds now.
        """
        from seedbank.query import is_of_one_bank, parse

        found = self.store.curation.collection(name)
        shared: dict[str, Any] = {"v": 1, "collection": found.name}
        if found.query is not None and is_of_one_bank(parse(found.query, saved=True)):
            pictures = [entry.picture.digest for entry in self.collection(name) if entry.picture]
            return shared | {"cover": found.cover, "images": list(dict.fromkeys(pictures))}
        if found.query is not None:
            return shared | {"query": found.query}
        return shared | {"cover": found.cover, "images": self.store.curation.images_in(name)}

    def collection_text(self, name: str) -> str:
        """The same as text that people can read and `receive_collection` takes too."""
        shared = self.collection_json(name)
        if "query" in shared:
            return f"collection {shared['collection']}\nquery {shared['query']}"
        known = {entry.picture.digest: entry for entry in self.collection(name) if entry.picture}
        prompts = {digest: " ".join((entry.prompt or "").split()) for digest, entry in known.items()}
        lines = [f"image {digest}  {prompts.get(digest, '')}".rstrip() for digest in shared["images"]]
        return "\n".join(
            [f"collection {shared['collection']}", *([f"cover {shared['cover']}"] if shared["cover"] else []), *lines]
        )

    def receive_collection(self, shared: Any, name: str | None = None) -> tuple[str, list[str]]:
        """Make the collection that `collection_json` or `collection_text` wrote.

        Gives its name and the image digests that are not in this bank.
        """
        values = _read_shared(shared) if isinstance(shared, str) else shared
        if not isinstance(values, dict) or values.get("v") != 1 or not isinstance(values.get("collection"), str):
            raise BadInput("This is not a collection.", "Write one with: seedbank collection share NAME")
        wanted = values["collection"] if name is None else name
        if isinstance(query := values.get("query"), str):
            self.create_collection(wanted, query)
            return wanted, []
        digests, cover = values.get("images"), values.get("cover")
        if not isinstance(digests, list) or not all(_is_digest(one) for one in [*digests, *([cover] if cover else [])]):
            raise BadInput("The collection has no list of image digests.", "Was it changed by hand?")
        return wanted, self.store.curation.receive_collection(wanted, digests, cover)

    def query_text(self, words: Sequence[str]) -> str:
        """The words of a command line as the text of one query. Raises `BadInput` for what makes no sense."""
        from seedbank.query import format_query, parse

        return format_query(parse(words))

    # -- what there is ------------------------------------------------------------------------------------------------

    def stats(self, query: str | None = None, at_most: int = 100_000) -> Stats:
        """How many entries by model, tag, month and verdict, and their files; with a query, of its newest matches."""
        return self.store.curation.stats(None if query is None else self._found(query, at_most))

    def duplicates(self, query: str | None = None, *, distance: int | None = 4) -> list[Duplicates]:
        """Entries with the same picture, and pictures at most `distance` bits apart (None: the same only)."""
        return self.store.curation.duplicates(distance, None if query is None else self._found(query))

    def alike(self, which: One, distance: int = LOOKS_ALIKE) -> list[tuple[Entry, int]]:
        """(entry, distance in bits) of other pictures that look like this one, the nearest first."""
        entry = self.entry(which)
        if entry.picture is None or entry.picture.phash is None:
            raise NotFound(f"How the picture of entry {entry.id} looks is not known.", f"seedbank regen {entry.id}")
        found = self.store.curation.alike(entry.picture.phash, distance, entry.picture.digest)
        return [(self.store.entry(number), apart) for number, apart in found]

    def copies(self, ids: Sequence[int], distance: int = NEAR_COPY) -> list[tuple[int, int, int]]:
        """(entry, other, distance in bits) of these that look like a picture of which something was said, and do not share it:
        `adopt` takes it over."""
        return self.store.curation.copies(ids, distance)

    def tree(self, which: One) -> Tree:
        """Where an entry comes from and what came of it, with what changed at each step."""
        from seedbank.lineage import tree

        return tree(self, self.entry(which).id)

    def diff(self, a: One, b: One) -> EntryComparison:
        """Recipes, environments and pictures of two entries against each other."""
        from seedbank.lineage import compare

        return compare(self, self.entry(a).id, self.entry(b).id)

    def _found(self, query: str, at_most: int | None = None) -> list[int]:
        return list(islice(self.store.ids(self._parsed(query)), at_most))


def _read_shared(text: str) -> dict[str, Any]:
    """The values that `collection_text` wrote."""
    found: dict[str, Any] = {"v": 1, "images": []}
    for line in filter(str.strip, text.splitlines()):
        key, _, value = line.strip().partition(" ")
        if key == "image":
            found["images"].append(value.split()[0] if value.split() else "")
        elif key in ("collection", "cover", "query"):
            found[key] = value.strip()
        else:
            raise BadInput(
                f"A collection has no line that begins with {key!r}.", "Write one with: seedbank collection share NAME"
            )
    return found


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(character in "0123456789abcdef" for character in value)
