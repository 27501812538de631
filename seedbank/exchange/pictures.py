"""Pictures leave as files in a folder, under names made of what is known of them, with the metadata that was chosen."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedbank.bank import Bank
from seedbank.errors import BadInput, SeedbankError
from seedbank.exchange.templates import FIELDS, fields, template
from seedbank.exchange.texts import A1111, Texts
from seedbank.hashing import sha256
from seedbank.progress import QUIET, Progress, track
from seedbank.records import Entry

DEFAULT_NAME = "{id:05}-{seed}"
"""As A1111 calls its files: 00012-123456."""
SEEDBANK = "seedbank"
METADATA = (A1111, SEEDBANK)
"""What can be written into a file: the `parameters` text that most tools read, the recipe as canonical JSON."""
SUFFIXES = {"image/jpeg": ".jpg"}
BRACKETS: Mapping[str, str] = {
    "width]x[height": "{size}",
    "seed": "{seed}",
    "steps": "{steps}",
    "cfg": "{cfg}",
    "prompt": "{prompt}",
    "prompt_no_styles": "{prompt}",
    "prompt_spaces": "{prompt}",
    "prompt_words": "{prompt:.60}",
    "sampler": "{scheduler}",
    "model_name": "{model}",
    "date": "{created:%Y-%m-%d}",
    "datetime": "{created:%Y%m%d%H%M%S}",
    "job_timestamp": "{created:%Y%m%d%H%M%S}",
    "user": "{user}",
    "image_hash<8>": "{image_digest:.8}",
    "generation_number": "{id:05}",
}
"""{pattern of A1111's file names (`FilenameGenerator` in its modules/images.py): what is written here}"""
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif")
FIELDS_HINT = f"there are {', '.join(f'{{{name}}}' for name in FIELDS)}."
LONGEST = 180
"""Bytes of a name without its suffix and a number; file systems take 255."""
UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
"""What Windows, macOS or Linux do not take in the name of a file."""
RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE)
MOST_NUMBERS = 100_000


@dataclass(frozen=True)
class Exported:
    """What became of an entry's picture. `path` is None where it was not written, `reason` says why."""

    entry: int
    path: Path | None = None
    reason: str | None = None
    known: bool = False
    """The same file lay there already."""


def export_images(
    bank: Bank,
    ids: Sequence[int],
    folder: Path,
    *,
    name: str = DEFAULT_NAME,
    metadata: Sequence[str] | None = None,
    progress: Progress = QUIET,
) -> Iterator[Exported]:
    """Write the picture of each entry into `folder`; nothing that lies there is replaced.

    name       a format such as ``{model}/{seed} {prompt:.40}``; `/` makes folders. Two pictures never get one name
    metadata   None keeps files byte for byte; else they carry these of `METADATA` and nothing else, with the same pixels

    Raises `BadInput` for a format that is none or leads out of the folder.
    """
    for one in metadata or ():
        if one not in METADATA:
            raise BadInput(f"There is no metadata {one!r} to write.", f"Use {', '.join(METADATA)}, or none.")
    called = file_namer(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be made: {error.strerror}.", "Choose another place.") from None
    texts = Texts(bank)
    for number in track(progress, ids, "pictures"):
        entry = bank.store.entry(number)
        try:
            data = with_metadata(bank, entry, metadata, texts)
            assert entry.blob is not None
            suffix = SUFFIXES.get(entry.blob.media_type, f".{entry.blob.media_type.rpartition('/')[2]}")
            yield _put(entry, folder, called(fields(entry)), suffix, data)
        except SeedbankError as error:
            yield Exported(number, reason=error.message)


def with_metadata(bank: Bank, entry: Entry, metadata: Sequence[str] | None, texts: Texts) -> bytes:
    """The file of an entry's picture with this metadata alone; None keeps it byte for byte."""
    data = bank.image_bytes(entry)
    if metadata is None:
        return data
    from seedbank import images

    bare = images.without_metadata(data)
    if not metadata:
        return bare
    if entry.recipe is None:
        raise BadInput(f"Entry {entry.id} has no recipe that could be written into its picture.")
    written = {}
    if SEEDBANK in metadata:
        written["seedbank"] = entry.recipe.canonical.decode()
    if A1111 in metadata:
        written["parameters"] = texts(entry, A1111)
    return images.with_texts(bare, written)


# -- names -----------------------------------------------------------------------------------------------------------


def file_namer(text: str) -> Callable[[Mapping[str, Any]], Path]:
    """A function that makes a relative path, without a suffix, of what is known of an entry.

    Only the format itself can have `/`. Raises `BadInput` for a format that is none, is absolute or goes upwards.
    """
    if not text.strip():
        raise BadInput("The name is empty.", f"Write for example {DEFAULT_NAME!r}.")
    _refuse_foreign(text)
    if text.startswith(("/", "~")) or "\\" in text or ".." in text.split("/"):
        raise BadInput(f"The format {text!r} leads out of the folder.", "Name files in it, such as {model}/{seed}.")
    filled = template(text, lambda value: UNSAFE.sub("_", value))

    def called(values: Mapping[str, Any]) -> Path:
        return Path(*(safe(piece) for piece in filled(values).split("/")))

    return called


def _refuse_foreign(text: str) -> None:
    """Raises `BadInput` for a pattern of A1111, in which fields stand in brackets, and for an ending: files have their own."""
    written = text
    for token, field in BRACKETS.items():
        written = re.sub(re.escape(f"[{token}]"), field, written, flags=re.IGNORECASE)
    if written != text:
        left = re.findall(r"\[\w+(?:<[^\]]*)?\]", written)
        more = f" For {', '.join(left)} there is no field; {FIELDS_HINT}" if left else ""
        raise BadInput(f"The name {text!r} has fields in brackets, as A1111 writes them.", f"Write {written!r}.{more}")
    if (ending := Path(text).suffix.lower()) in ENDINGS:
        raise BadInput(
            f"The name {text!r} ends with {ending}, but every picture keeps the kind of file that it is.",
            f"Write {text[: -len(ending)]!r}; the ending comes by itself.",
        )


def safe(name: str) -> str:
    """A name that every common file system takes: no separators, no blanks or dots at its ends, not too long."""
    name = UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(" .-")
    name = name.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore").rstrip(" .-")
    return f"_{name}" if not name or RESERVED.fullmatch(name) else name


def _put(entry: Entry, folder: Path, name: Path, suffix: str, data: bytes) -> Exported:
    """Under the first name that is free, or that the same file has already."""
    place = folder / name
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, MOST_NUMBERS):
            path = place.with_name(place.name + (f"-{number}" if number > 1 else "") + suffix)
            if not path.exists():
                _write(path, data)
                return Exported(entry.id, path)
            if path.is_file() and path.stat().st_size == len(data) and sha256(path.read_bytes()) == sha256(data):
                return Exported(entry.id, path, known=True)
    except OSError as error:
        raise BadInput(f"{place}{suffix} cannot be written: {error.strerror}.") from None
    raise BadInput(f"There are too many files called {place.name} in {place.parent}.", "Choose another format.")


def _write(path: Path, data: bytes) -> None:
    """The whole file or nothing."""
    unfinished = path.with_name(f".{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(data)
        unfinished.rename(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
