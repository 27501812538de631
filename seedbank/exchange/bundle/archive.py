"""The file of a bundle: a zip archive whose bytes follow from what is in it, and that is read without trust.

    entries.jsonl, regenerations.jsonl, …    records, one JSON object a line
    files/ab/abcd…                           a file under its SHA-256, stored as it is
    seedbank.json                            {bundle: 1, records: {name: {lines, sha256}}, …}, written last

Members stand in this order, with one date and one mode, so equal contents give equal bytes (with the same zlib).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from seedbank import posix
from seedbank.errors import BadInput
from seedbank.hashing import CHUNK, sha256

VERSION = 1
MANIFEST = "seedbank.json"
KINDS = ("entries", "regenerations", "models", "environments", "opinions", "collections", "edges", "users")
"""Kinds of records, each a member ``<kind>.jsonl``, in the order of the archive."""
FILE = re.compile(r"files/([0-9a-f]{2})/(\1[0-9a-f]{62})")
DATE = (1980, 1, 1, 0, 0, 0)
LARGEST_RECORDS = 16 << 30
"""Bytes of records of one kind, unpacked."""
LARGEST_LINE = 64 << 20
LARGEST_MANIFEST = 1 << 20
LARGEST_RATIO = 400
"""Unpacked to packed bytes: records are full of digests, which do not shrink."""
MOST_FILES = 5_000_000
UNREADABLE = "Have it sent again; seedbank export writes such files."


def file_name(digest: str) -> str:
    """Where a file lies in a bundle."""
    return f"files/{digest[:2]}/{digest}"


# -- writing ---------------------------------------------------------------------------------------------------------


@dataclass
class Writer:
    """Writes a bundle beside its place: `records` first, then `file`s, then `finish`, which gives it its name.

    Raises `BadInput` where a file has that name, unless it is to `replace` it.
    """

    path: Path
    replace: bool = False
    _told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._require_room()
        self._beside = posix.beside(self.path)
        try:
            self._stream = self._beside.open("x+b")
        except OSError as error:
            raise BadInput(f"{self.path} cannot be written: {error.strerror}.", "Choose another place.") from None
        self._zip = zipfile.ZipFile(self._stream, "w", allowZip64=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._zip.close()
        self._stream.close()
        self._beside.unlink(missing_ok=True)

    def records(self, kind: str, lines: Iterable[Mapping[str, Any]]) -> int:
        """Write the records of one kind, as they come; how many there were."""
        hasher, count = hashlib.sha256(), 0
        with self._member(f"{kind}.jsonl", zipfile.ZIP_DEFLATED) as out:
            for values in lines:
                line = _line(values)
                hasher.update(line)
                out.write(line)
                count += 1
        self._told[kind] = {"lines": count, "sha256": hasher.hexdigest()}
        return count

    def file(self, digest: str, pieces: Iterable[bytes]) -> None:
        """Write a file as it is: pictures and weights do not shrink. Raises `BadInput` when it is not the one of the digest."""
        hasher = hashlib.sha256()
        with self._member(file_name(digest), zipfile.ZIP_STORED) as out:
            for piece in pieces:
                hasher.update(piece)
                out.write(piece)
        if hasher.hexdigest() != digest:
            raise BadInput(f"The file {digest} changed while it was written.", "Try again.")

    def finish(self, about: Mapping[str, Any]) -> None:
        """Write the manifest; the bundle is on the disk, under its name."""
        manifest = {"bundle": VERSION, "records": self._told, **about}
        with self._member(MANIFEST, zipfile.ZIP_DEFLATED) as out:
            out.write(json.dumps(manifest, sort_keys=True, indent=1).encode())
        self._zip.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._require_room()  # again, as a large one takes its time
        posix.publish(self._beside, self.path)

    def _require_room(self) -> None:
        if not self.replace and os.path.lexists(self.path):
            raise BadInput(f"{self.path} exists already.", "Choose another name, or add --replace (in Python replace=True).")

    def _member(self, name: str, method: int) -> IO[bytes]:
        info = zipfile.ZipInfo(name, DATE)
        info.compress_type, info.create_system, info.external_attr = method, 3, 0o644 << 16
        return self._zip.open(info, "w", force_zip64=True)


def _line(values: Mapping[str, Any]) -> bytes:
    """The values as one line of JSON, in UTF-8 where that can hold them, else with escapes."""
    for escaped in (False, True):
        with contextlib.suppress(UnicodeEncodeError):
            text = json.dumps(values, ensure_ascii=escaped, sort_keys=True, separators=(",", ":"), allow_nan=False)
            return text.encode() + b"\n"
    raise AssertionError("ASCII can be encoded")


# -- reading ---------------------------------------------------------------------------------------------------------


class Reader:
    """A bundle that was looked over: its members have the names, the sizes and the order that they must have.

    Every method raises `BadInput` for what is damaged or hostile. Nothing is ever unpacked under a name of the archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for without an end
            raise BadInput(f"{path} is no regular file.", "Write what comes through it into a file first.")
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            raise BadInput(f"{path} is no bundle, or only the beginning of one.", UNREADABLE) from None
        try:
            self.files = self._look()
            self.manifest = self._manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def _refusal(self, why: str, hint: str = UNREADABLE) -> BadInput:
        return BadInput(f"{self.path} is not a sound bundle: {why}.", hint)

    def _look(self) -> dict[str, int]:
        """{digest: size} of its files, in the order of the archive."""
        files: dict[str, int] = {}
        seen: set[str] = set()
        expected = {MANIFEST, *(f"{kind}.jsonl" for kind in KINDS)}
        members = self._zip.infolist()
        if len(members) > MOST_FILES:
            raise self._refusal(f"it has {len(members):,} members")
        for info in members:
            found = FILE.fullmatch(info.filename)
            if info.filename in seen:
                raise self._refusal(f"it holds {info.filename} twice")
            seen.add(info.filename)
            if found is None and info.filename not in expected:
                raise self._refusal(f"it holds {info.filename[:80]!r}, which no bundle has")
            if info.flag_bits & 0x1:
                raise self._refusal(f"{info.filename} is encrypted")
            if found is not None:
                if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                    raise self._refusal(f"{info.filename} is packed")
                files[found[2]] = info.file_size
            elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self._refusal(f"{info.filename} is packed in an unknown way")
            elif info.file_size > LARGEST_RECORDS or info.file_size > LARGEST_RATIO * info.compress_size + LARGEST_MANIFEST:
                raise self._refusal(f"{info.filename} would unpack to {info.file_size:,} bytes")
        if missing := sorted(expected - seen):
            raise self._refusal(f"it has no {missing[0]}")
        return files

    def _manifest(self) -> Mapping[str, Any]:
        with self._open(MANIFEST) as stream:
            found = self._parsed(stream.read(LARGEST_MANIFEST), MANIFEST)
        version = found.get("bundle")
        if version != VERSION:
            raise BadInput(f"{self.path} is a bundle of version {version!r}; this seedbank reads {VERSION}.", "Upgrade.")
        told = found.get("records")
        for kind in KINDS:
            one = told.get(kind) if isinstance(told, dict) else None
            if not isinstance(one, dict) or type(one.get("lines")) is not int or not isinstance(one.get("sha256"), str):
                raise self._refusal(f"{MANIFEST} does not say what {kind}.jsonl holds")
        return found

    def lines(self, kind: str) -> int:
        """How many records of a kind there are, as the manifest says; `records` counts them."""
        return int(self.manifest["records"][kind]["lines"])

    def digest(self) -> str:
        """What the bundle is known by: the SHA-256 of its manifest, which has the digests of all records."""
        with self._open(MANIFEST) as stream:
            return sha256(stream.read(LARGEST_MANIFEST))

    def records(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """The records of one kind, one after the other; at the end they are known to be those of the manifest."""
        name, hasher, count = f"{kind}.jsonl", hashlib.sha256(), 0
        with self._open(name) as stream:
            while line := self._read(stream, name, LARGEST_LINE + 1, line=True):
                if len(line) > LARGEST_LINE:
                    raise self._refusal(f"a line of {name} is longer than {LARGEST_LINE >> 20} MiB")
                hasher.update(line)
                count += 1
                yield self._parsed(line, f"line {count} of {name}")
        if (count, hasher.hexdigest()) != tuple(self.manifest["records"][kind][key] for key in ("lines", "sha256")):
            raise self._refusal(f"{name} is not the one that was written")

    def file(self, digest: str) -> Iterator[bytes]:
        """The bytes of a file in pieces; at the end they are known to be those of the digest."""
        name, hasher = file_name(digest), hashlib.sha256()
        with self._open(name) as stream:
            while piece := self._read(stream, name, CHUNK):
                hasher.update(piece)
                yield piece
        if hasher.hexdigest() != digest:
            raise self._refusal(f"{name} has the SHA-256 {hasher.hexdigest()}")

    def _open(self, name: str) -> IO[bytes]:
        try:
            return self._zip.open(name)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise self._refusal(f"{name} cannot be read") from None

    def _read(self, stream: IO[bytes], name: str, size: int, *, line: bool = False) -> bytes:
        try:
            return stream.readline(size) if line else stream.read(size)
        except Exception as error:  # what zipfile and zlib raise: BadZipFile, zlib.error, EOFError, OSError …
            raise self._refusal(f"{name} is damaged ({' '.join(str(error).split()) or type(error).__name__})") from None

    def _parsed(self, data: bytes, where: str) -> Mapping[str, Any]:
        try:
            values = json.loads(data, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise self._refusal(f"{where} is no JSON") from None
        if not isinstance(values, dict):
            raise self._refusal(f"{where} is no JSON object")
        return values


def _no_constant(name: str) -> Any:
    raise ValueError(name)
