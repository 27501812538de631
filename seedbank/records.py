"""Frozen values that cross the layers. Table rows never leave `store/`; everything above speaks in these.

Times are aware `datetime`s in UTC; digests are 64 hexadecimal digits; `id`s are local to a bank, `uid`s (UUIDv7) travel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from seedbank.environment import Environment
from seedbank.recipe import Recipe

# Verdicts of a regeneration, with the exit code of the command line.
EXACT, CLOSE, DIFFERENT, UNSTABLE, FAILED, BLOCKED = "exact", "close", "different", "unstable", "failed", "blocked"
VERDICTS = {EXACT: 0, CLOSE: 3, DIFFERENT: 3, UNSTABLE: 3, FAILED: 1, BLOCKED: 1}

# What the trace of a regeneration says beside the verdict.
TRACE_SAME, TRACE_DIFFERS, TRACE_ABSENT = "same", "differs", "absent"

# Kinds of lineage edges, from the child's point of view.
EDGES = ("variant-of", "swept-from", "blended-from", "imported-from", "refined-from")


@dataclass(frozen=True)
class ModelFile:
    """One file of a model: its path inside the model, size in bytes and SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Model:
    """Weights and configs by content. `digest` covers `files`; the rest says where they came from and were last seen."""

    digest: str
    name: str
    files: tuple[ModelFile, ...] = ()
    pipeline: str | None = None
    """The class of the pipeline; of an adapter its kind, `lora` and so on."""
    source: str | None = None
    """What loads it again: `embedded`, a hub name, a folder or a file."""
    revision: str | None = None
    """The 40-hex commit of a hub model."""
    variant: str | None = None
    config: str | None = None
    """The folder given with --model-config for a single file."""
    hashes: tuple[tuple[str, str], ...] = ()
    """(kind, digits) of its bytes as other tools write them, see `seedbank.importing.weights`. They are stored with the
    model and looked up from there; a model that is read with an entry does not list them."""

    @property
    def short_hash(self) -> str | None:
        """What A1111 calls a model by: the first 10 digits of its single file's SHA-256. A folder has none."""
        return next((item.sha256[:10] for item in self.files if item.path == "single.safetensors"), None)


@dataclass(frozen=True)
class ModelUse:
    """A model or an adapter and what it means to a bank.

    entries   how many live entries were made with it
    kept      whether its files lie in the image store
    here      whether its files lie where they were last seen, by name and size; the bytes are not read
    """

    model: Model
    entries: int
    kept: bool
    here: bool


@dataclass(frozen=True)
class Picture:
    """The pixels of an image by digest, and the perceptual hash (64 bits as 16 hex digits) where it was computed."""

    digest: str
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    phash: str | None = None


@dataclass(frozen=True)
class Blob:
    """A file by the SHA-256 of its bytes. `location` is None when it lies in the image store, else where it is."""

    digest: str
    size: int
    media_type: str
    location: str | None = None


@dataclass(frozen=True)
class StoredPicture:
    """A picture whose bytes are here, and what its entry says of it.

    own   the entry was recorded by seedbank, which has written the file
    """

    entry: int
    picture: Picture
    blob: Blob
    recipe_digest: str | None
    own: bool


@dataclass(frozen=True)
class Payload:
    """One text that a file carries.

    place   where it stood: `png:parameters`, `exif:UserComment`, `exif:Make`, `xmp`, `gif:comment`, `jpeg:comment`,
            `stealth:alpha`, `sidecar:.txt`, `text`
    text    decoded; `raw` are the bytes word for word, before decoding
    """

    place: str
    text: str
    raw: bytes = b""


@dataclass(frozen=True)
class Output:
    """What a rendering gave beside the pixels. `trace` names the packed trace blob; `seconds` are per stage."""

    trace: Blob | None = None
    trace_digest: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory: int | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    """What was noticed while rendering: global random state consumed, lost words of the prompt …"""


@dataclass(frozen=True)
class NewEntry:
    """Everything that is recorded of one generation. Unknown parts are None."""

    recipe: Recipe | None = None
    environment: Environment | None = None
    model: Model | None = None
    picture: Picture | None = None
    blob: Blob | None = None
    inputs: tuple[Blob, ...] = ()
    output: Output = field(default_factory=Output)
    origin: str = "generated"
    """`generated`, `recorded` (a user's own pipeline), `added`, `imported`, `received` (as text, without its image)."""
    obstacles: tuple[str, ...] = ()
    """Why it cannot be regenerated, one sentence each; empty when nothing stands in the way."""
    created: datetime | None = None
    """When it was rendered; None when unknown."""
    parents: tuple[tuple[int, str], ...] = ()
    """(entry id, kind of edge)."""
    run: int | None = None
    tags: tuple[str, ...] = ()
    """Tags for the image, given in the same transaction."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What has no field of its own, as JSON values: raw metadata of imports, names shown to people."""
    adapters: tuple[Model, ...] = ()
    """What the adapters of the recipe are and where they came from; the recipe names them by digest."""
    payloads: tuple[Payload, ...] = ()
    """What the file says of itself, word for word."""
    uid: str | None = None
    """Of an entry that comes from another bank: what it is known by there. None for one that is new in the world."""
    user: str | None = None
    """Who made it, where that is not who is at work."""


@dataclass(frozen=True)
class Entry:
    """One recorded image, or one recipe whose image is not here yet, as the bank holds it."""

    id: int
    uid: str
    added: datetime
    created: datetime | None
    user: str
    origin: str
    recipe: Recipe | None
    recipe_digest: str | None
    environment_digest: str | None
    model: Model | None
    picture: Picture | None
    blob: Blob | None
    output: Output
    obstacles: tuple[str, ...]
    details: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    favourite: bool = False
    rating: int | None = None
    notes: tuple[str, ...] = ()
    verdict: str | None = None
    """The verdict of the latest regeneration that was no experiment."""
    trashed: datetime | None = None

    @property
    def seed(self) -> int | None:
        return None if self.recipe is None else self.recipe.seed

    @property
    def prompt(self) -> str | None:
        return None if self.recipe is None else self.recipe.prompt


@dataclass(frozen=True)
class Page(Sequence[Entry]):
    """Entries in order, to be used as a sequence. `after` is what the next page begins behind; None on the last one."""

    entries: tuple[Entry, ...]
    after: int | None = None

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True)
class Count:
    """How many entries match; not `exact` for more than can be counted at once."""

    number: int
    exact: bool

    def __str__(self) -> str:
        """``1,234``, or ``about 120,000``."""
        if self.exact:
            return f"{self.number:,}"
        return f"about {float(f'{self.number:.2g}'):,.0f}"


@dataclass(frozen=True)
class Edge:
    """One step of lineage between two entries; `kind` is one of `EDGES`."""

    child: int
    parent: int
    kind: str


@dataclass(frozen=True)
class NewRegeneration:
    """One attempt to rebuild an entry. Only ever inserted; `run` and `entry` together are unique."""

    entry: int
    verdict: str
    experiment: bool = False
    run: int | None = None
    environment: Environment | None = None
    picture: Picture | None = None
    """The new image, when it differs."""
    blob: Blob | None = None
    output: Output = field(default_factory=Output)
    trace: str = TRACE_ABSENT
    first_difference: str | None = None
    drift: Mapping[str, float] = field(default_factory=dict)
    """{max, psnr, ssim, phash}: largest channel difference of 255, dB, -1…1, bits of 64."""
    explanation: Mapping[str, Any] = field(default_factory=dict)
    """{line, grade, stage, causes}; `line` is the sentence that people read."""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Regeneration:
    """A `NewRegeneration` as the bank holds it."""

    id: int
    uid: str
    at: datetime
    user: str
    entry: int
    verdict: str
    experiment: bool
    run: int | None
    environment_digest: str | None
    picture: Picture | None
    blob: Blob | None
    output: Output
    trace: str
    first_difference: str | None
    drift: Mapping[str, float]
    explanation: Mapping[str, Any]
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A durable piece of work over many entries. What is still to do is computed: selection minus finished."""

    id: int
    uid: str
    kind: str
    name: str | None
    digest: str
    specification: Mapping[str, Any]
    created: datetime
    user: str
    total: int
    done: int
    finished: datetime | None = None
    """Of an import: when all that it walks had been looked at; until then, starting it again resumes it."""


@dataclass(frozen=True)
class SeenFile:
    """A file as it was when it was looked at: an unchanged one is known again without being opened.

    folder     absolute path of its folder; `name` is that of the file in it
    mtime_ns   time of the last change of its bytes, in nanoseconds since 1970
    inode      its number in the file system, in 63 bits
    digest     SHA-256 of its bytes
    """

    folder: str
    name: str
    size: int
    mtime_ns: int
    inode: int
    digest: str


@dataclass(frozen=True)
class Holder:
    """The entry that holds a file.

    pictured   its image digest is known
    kept       the bytes lie in the image store, and not only where the file is
    trashed    it is in the trash
    new        it was made by the act that asks; `lacked`: its picture or its bytes came with it
    """

    entry: int
    pictured: bool
    kept: bool
    trashed: bool = False
    new: bool = False
    lacked: bool = False


@dataclass(frozen=True)
class KnownFile:
    """A `SeenFile` and the entry that holds it."""

    file: SeenFile
    holder: Holder


@dataclass(frozen=True)
class Operation:
    """Who did what when."""

    id: int
    uid: str
    kind: str
    at: datetime
    user: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class OpinionEvent:
    """One step in the history of an image's opinions. `kind`: tag, untag, favourite, rating, note, collect; value as JSON."""

    at: datetime
    user: str
    kind: str
    value: Any
    image: str
    operation: int


@dataclass(frozen=True)
class Saying:
    """An `OpinionEvent` as it travels between banks.

    image   image digest
    kind    tag, untag, favourite, rating, note or collect
    value   as in the history; of `collect` {uid, position}, the position None for a picture that was taken out
    user    None where the one who said it stayed unnamed
    """

    image: str
    at: datetime
    user: str | None
    kind: str
    value: Any


@dataclass(frozen=True)
class Came:
    """What an import of a bundle brought, or found here already."""

    entries: int = 0
    known: int = 0
    trashed: int = 0
    """Of the known ones, in the trash."""
    completed: int = 0
    """Known ones that have their bytes now."""
    regenerations: int = 0
    sayings: int = 0
    edges: int = 0
    searches: int = 0
    """Saved searches; each is an operation of its own."""
    operation: int | None = None
    """By which it is undone; None when nothing was new."""


@dataclass(frozen=True)
class TeamOpinion:
    """What one user says of an image."""

    user: str
    favourite: bool
    rating: int | None
    note: str | None


@dataclass(frozen=True)
class Tag:
    """A tag and how many pictures have it."""

    name: str
    pictures: int


@dataclass(frozen=True)
class Collection:
    """Pictures in an order that people gave them, or a saved search (`query`), whose pictures are what it finds."""

    uid: str
    name: str
    created: datetime
    user: str
    query: str | None = None
    cover: str | None = None
    """Image digest of the picture that was chosen to stand for it."""
    pictures: int = 0
    """How many were put in; 0 for a saved search."""


@dataclass(frozen=True)
class Undone:
    """What `undo` did. `undo` is its own operation, None when everything had been changed since."""

    operation: Operation
    undo: int | None
    changed: int
    """How many pictures or entries are again as they were."""
    kept: tuple[str, ...] = ()
    """What later edits were left alone, one sentence each."""


@dataclass(frozen=True)
class Duplicates:
    """Entries whose pictures are the same (`exact`) or look alike (`alike`), oldest first."""

    kind: str
    entries: tuple[int, ...]
    distance: int
    """Bits of the perceptual hash by which a picture of the group differs from the oldest, at most."""


@dataclass(frozen=True)
class Stats:
    """How many of what there are, among live entries."""

    entries: int
    in_trash: int
    by: Mapping[str, tuple[tuple[str, int], ...]]
    """{model, tag, month, verdict: ((value, how many), …)}; tags count pictures, the others entries."""
    files: int
    bytes: int
    about: frozenset[str] = frozenset()
    """Names of the numbers that were estimated from a sample."""
