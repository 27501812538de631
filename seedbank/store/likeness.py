"""Pictures that are the same or look alike: entries by image, and the perceptual hashes of all pictures.

numpy is imported when it is used: listing entries must stay quick to start.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, func, select

from seedbank.errors import BadInput
from seedbank.records import Duplicates
from seedbank.store.reading import chunks
from seedbank.store.sending import send
from seedbank.store.sources import bare
from seedbank.store.tables import entries, images

if TYPE_CHECKING:
    from seedbank.neighbours import Hashes, Numbers

MOST_LIKE = 100
"""Pictures that are looked at of those that look like one."""
FARTHEST = 16
"""Bits. Pictures that are farther apart do not look alike, and finding all pairs would take hours."""


def checked_distance(distance: int) -> int:
    """`distance` in bits. Raises `BadInput` where no likeness is left."""
    if not 0 <= distance <= FARTHEST:
        raise BadInput(
            f"A distance of {distance} bits makes no sense.", f"Use 0 to {FARTHEST}; 4 finds near copies, 8 also variants."
        )
    return distance


def alike(connection: Connection, phash: str, distance: int, but: str | None = None) -> list[tuple[int, int]]:
    """(entry id, distance) of live entries whose image is at most `distance` bits from `phash`, the nearest first.

    `but` is an image digest that does not count. Of several entries with one image all are given.
    """
    from seedbank.neighbours import near

    numbers, hashes = _hashes(connection)
    positions, distances = near(hashes, int(phash, 16), checked_distance(distance))
    apart = dict(zip(numbers[positions].tolist(), distances.tolist(), strict=True))
    found = []
    for some in chunks(apart):
        statement = select(entries.c.id, entries.c.image_id).select_from(
            entries.join(images, entries.c.image_id == images.c.id)
        )
        where: list[Any] = [entries.c.image_id.in_(some), _is_live(connection)]
        if but is not None:
            where.append(images.c.digest != but)
        found += [(row.id, apart[row.image_id]) for row in connection.execute(statement.where(*where))]
    return sorted(found, key=lambda one: (one[1], one[0]))


_SPOKEN = """
SELECT id, phash FROM images WHERE phash IS NOT NULL AND id IN (
    SELECT image_id FROM image_tags UNION SELECT image_id FROM opinions JOIN users ON users.id = opinions.user_id
    WHERE users.name = {mark} AND (favourite OR rating IS NOT NULL OR note IS NOT NULL)
) ORDER BY id
"""
"""What `opinions.adopt` takes over: tags, and the user's own opinion."""


def copies(connection: Connection, ids: Iterable[int], distance: int, user: str) -> list[tuple[int, int, int]]:
    """(entry, other entry, distance) of those of `ids` whose picture looks like another one that has tags, or of which `user`
    said something.

    The nearest other that is not of `ids` is given. What shares the picture shares what was said, and a picture of another
    seed is another one, however alike they look.
    """
    columns = entries.c.id, entries.c.image_id, entries.c.seed, images.c.phash
    given: list[Any] = []
    found: list[tuple[int, int, int]] = []
    joined = select(*columns).join(images, entries.c.image_id == images.c.id).where(images.c.phash.is_not(None))
    for some in chunks(ids):
        given += connection.execute(joined.where(entries.c.id.in_(some))).all()
    if not given:
        return []
    import numpy as np

    from seedbank.neighbours import near

    new = {row.id for row in given}
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    table = np.array(send(connection, _SPOKEN.format(mark=mark), (user,)), np.int64).reshape(-1, 2)
    hashes = table[:, 1].copy().view(np.uint64)
    for row in given:
        positions, apart = near(hashes, int(row.phash, 16), checked_distance(distance))
        of_image = dict(zip(table[positions, 0].tolist(), apart.tolist(), strict=True))
        where = entries.c.image_id.in_(list(of_image)[:MOST_LIKE]), _is_live(connection)
        others = connection.execute(select(*columns[:3]).where(*where)).all() if of_image else []
        older = [one for one in others if one.id not in new and (None in (one.seed, row.seed) or one.seed == row.seed)]
        if older and row.image_id not in {one.image_id for one in older}:
            bits, other = min((of_image[one.image_id], one.id) for one in older)
            found.append((row.id, other, bits))
    return found


def duplicates(connection: Connection, distance: int | None, ids: Iterable[int] | None = None) -> list[Duplicates]:
    """Groups of live entries with the same image, then groups of images that look alike.

    `distance` in bits, None for the same images only. `ids` restricts both to these entries.
    """
    wanted = None if ids is None else set(ids)
    found = [Duplicates("exact", tuple(group), 0) for group in _same(connection, wanted)]
    if distance is None:
        return found
    from seedbank.neighbours import groups

    numbers, hashes = _hashes(connection)
    apart = groups(hashes, checked_distance(distance))
    of_image = _live(connection, {int(numbers[position]) for group in apart for position in group}, wanted)
    for group in apart:
        known = {position: of_image[image] for position in group if (image := int(numbers[position])) in of_image}
        if len(known) > 1:
            first = hashes[min(known, key=lambda position: known[position][0])]
            farthest = max(int(hashes[position] ^ first).bit_count() for position in known)
            members = sorted(number for ids_of_image in known.values() for number in ids_of_image)
            found.append(Duplicates("alike", tuple(members), farthest))
    return found


def _hashes(connection: Connection) -> tuple[Numbers, Hashes]:
    """(image ids, hashes) of all pictures whose hash is known."""
    import numpy as np

    found = connection.exec_driver_sql("SELECT id, phash FROM images WHERE phash IS NOT NULL")
    assert found.cursor is not None
    table = np.array(found.cursor.fetchall(), np.int64).reshape(-1, 2)  # past SQLAlchemy's rows: there may be millions
    return table[:, 0].copy(), table[:, 1].copy().view(np.uint64)


def _same(connection: Connection, wanted: set[int] | None) -> list[list[int]]:
    several = select(entries.c.image_id).where(entries.c.image_id.is_not(None)).group_by(entries.c.image_id)
    shared = set(connection.scalars(several.having(func.count() > 1)))
    return sorted(group for group in _live(connection, shared, wanted).values() if len(group) > 1)


def _live(connection: Connection, numbers: set[int], wanted: set[int] | None) -> dict[int, list[int]]:
    """{image id: its live entries, oldest first}."""
    found: dict[int, list[int]] = {}
    for some in chunks(sorted(numbers)):
        where = entries.c.image_id.in_(some), _is_live(connection)
        for row in connection.execute(select(entries.c.image_id, entries.c.id).where(*where).order_by(entries.c.id)):
            if wanted is None or row.id in wanted:
                found.setdefault(row.image_id, []).append(row.id)
    return found


def _is_live(connection: Connection) -> ColumnElement[bool]:
    """The test beside a list of pictures: SQLite would read all live entries for it, which nearly all are."""
    return bare(entries.c.trashed, sqlite=connection.dialect.name == "sqlite").is_(None)
