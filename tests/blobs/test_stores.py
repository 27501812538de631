"""The contract of the image store, kept by each of its places, and what is special about each."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seedbank.blobs import Blobs, MissingBlob
from seedbank.errors import BadInput, StorageError
from seedbank.hashing import sha256
from seedbank.testing import ABSENT, DIGEST, PICTURE, BlobsContract

numbers = itertools.count()


class TestFolder(BlobsContract):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        return Blobs.open(tmp_path / "art.db.images", create=True)

    def damage(self, blobs: Blobs, digest: str, data: bytes) -> None:
        path = blobs.path(digest)
        path.chmod(0o644)
        path.write_bytes(data)

    def test_a_file_lies_read_only_under_its_digest(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        path = blobs.path(DIGEST)
        assert path.parts[-2:] == (DIGEST[:2], DIGEST)
        assert path.read_bytes() == PICTURE
        assert stat.S_IMODE(path.stat().st_mode) == 0o444

    def test_a_file_that_another_process_wrote_is_taken_over_whole_and_mends_a_damaged_copy(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        self.damage(blobs, DIGEST, b"other bytes")
        staging = blobs.staging()
        assert staging is not None
        staged = staging.write(PICTURE)
        blobs.sync(staged)
        blobs.adopt({DIGEST: staged})
        assert blobs.get(DIGEST) == PICTURE
        assert stat.S_IMODE(blobs.path(DIGEST).stat().st_mode) == 0o444
        assert list(blobs.leftovers()) == []

    def test_what_nobody_takes_over_is_seen_and_removed_and_other_files_in_tmp_stay(self, blobs: Blobs) -> None:
        mine, other = blobs.staging(), blobs.staging()
        assert mine is not None and other is not None
        mine.write(PICTURE)
        theirs = other.write(PICTURE)
        assert len(list(blobs.leftovers())) == 2
        mine.clear()
        assert theirs.exists() and len(list(blobs.leftovers())) == 1

    def test_a_put_leaves_nothing_in_tmp(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        assert list(blobs.leftovers()) == []

    def test_leftovers_are_listed_and_removed_by_name_only(self, blobs: Blobs) -> None:
        left = blobs.root / "tmp" / "123-abc"
        left.write_bytes(b"half")
        (found,) = blobs.leftovers()
        assert (found.name, found.size) == ("123-abc", 4)
        blobs.remove_leftover(found.name)
        blobs.remove_leftover(found.name)
        assert not left.exists()
        with pytest.raises(BadInput):
            blobs.remove_leftover("../" + DIGEST)

    def test_storing_again_starts_the_time_of_grace_anew(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        os.utime(blobs.path(DIGEST), (1000, 1000))
        blobs.put(PICTURE, "image/png")
        assert blobs.stat(DIGEST).modified.year > 2000

    def test_a_file_of_another_user_is_replaced_by_ones_own(self, blobs: Blobs, monkeypatch) -> None:
        def refuses(*_: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        blobs.put(PICTURE, "image/png")
        monkeypatch.setattr(os, "utime", refuses)
        for store in (lambda: blobs.put(PICTURE, "image/png"), lambda: blobs.renew([DIGEST])):
            theirs = blobs.path(DIGEST).stat().st_ino
            store()
            assert blobs.get(DIGEST) == PICTURE and blobs.path(DIGEST).stat().st_ino != theirs
        blobs.remove(DIGEST)
        blobs.renew([DIGEST])

    def test_a_folder_lost_by_copying_is_made_again(self, blobs: Blobs) -> None:
        (blobs.root / DIGEST[:2]).rmdir()
        (blobs.root / "tmp").rmdir()
        blobs.put(PICTURE, "image/png")
        assert blobs.get(DIGEST) == PICTURE

    def test_strange_files_in_the_folder_are_passed_over(self, blobs: Blobs) -> None:
        (blobs.root / "ab" / "Thumbs.db").write_bytes(b"")
        (blobs.root / "note.txt").write_bytes(b"")
        assert list(blobs.list()) == []

    def test_a_store_whose_disk_is_gone_is_not_made_anew_by_a_put(self, tmp_path: Path) -> None:
        blobs = Blobs.open(tmp_path / "unmounted")
        with pytest.raises(StorageError, match="is not there") as caught:
            blobs.put(PICTURE, "image/png")
        assert "mounted" in caught.value.hint
        assert list(tmp_path.iterdir()) == []
        assert list(blobs.list()) == []

    def test_an_empty_folder_in_its_place_takes_nothing_over_and_is_why_files_are_missing(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        staged = blobs.staging().write(b"another")
        blobs.root.rename(blobs.root.with_name("away"))
        blobs.root.mkdir()
        assert not blobs.is_there()
        with pytest.raises(StorageError, match="is an empty folder"):
            blobs.adopt({sha256(b"another"): staged})
        with pytest.raises(MissingBlob, match=rf"{DIGEST} is missing: .* is an empty folder") as caught:
            blobs.get(DIGEST)
        assert "mounted" in caught.value.hint
        assert list(blobs.root.iterdir()) == []

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_without_the_right_to_write_is_said(self, blobs: Blobs) -> None:
        (blobs.root / "tmp").chmod(0o555)
        with pytest.raises(StorageError, match="access is denied"):
            blobs.put(PICTURE, "image/png")


class TestMemory(BlobsContract):
    @pytest.fixture
    def blobs(self) -> Blobs:
        return Blobs.open(f"memory://bank-{next(numbers)}", create=True)

    def damage(self, blobs: Blobs, digest: str, data: bytes) -> None:
        blobs.fs.pipe_file(f"{blobs.prefix}/{digest[:2]}/{digest}", data)

    def test_it_has_no_paths(self, blobs: Blobs) -> None:
        assert blobs.path(DIGEST) is None

    def test_two_names_are_two_stores(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        assert not Blobs.open(blobs.url + "-other").has(DIGEST)


class TestS3(BlobsContract):
    @pytest.fixture
    def blobs(self, s3: str) -> Blobs:
        import s3fs

        bucket = f"bank-{os.getpid()}"
        s3fs.S3FileSystem().mkdirs(bucket, exist_ok=True)
        return Blobs.open(f"s3://{bucket}/images-{next(numbers)}", create=True)

    def damage(self, blobs: Blobs, digest: str, data: bytes) -> None:
        blobs.fs.pipe_file(f"{blobs.prefix}/{digest[:2]}/{digest}", data)

    def test_the_server_knows_the_media_type(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        assert blobs.fs.info(f"{blobs.prefix}/{DIGEST[:2]}/{DIGEST}")["ContentType"] == "image/png"

    def test_bytes_that_changed_on_the_way_are_refused_by_the_server(self, blobs: Blobs) -> None:
        with pytest.raises(StorageError, match=DIGEST):
            blobs._put(DIGEST, PICTURE[:-1] + b"?", "image/png")
        assert not blobs.has(DIGEST)

    def test_a_forked_process_stores_by_itself_and_its_parent_goes_on(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        if (child := os.fork()) == 0:
            try:
                os._exit(blobs.put(b"of the child", "image/png").size)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(b"of the child")
        assert blobs.get(sha256(b"of the child")) == b"of the child"
        assert blobs.get(DIGEST) == PICTURE

    def test_what_another_process_stores_is_seen_at_once(self, blobs: Blobs) -> None:
        assert list(blobs.list()) == []
        assert not blobs.has(DIGEST)
        Blobs.open(blobs.url).put(PICTURE, "image/png")
        assert blobs.has(DIGEST)
        assert len(list(blobs.list())) == 1

    def test_the_time_of_a_file_is_renewed_without_its_bytes(self, blobs: Blobs, monkeypatch) -> None:
        blobs.put(PICTURE, "image/png")
        before = blobs.stat(DIGEST).modified
        monkeypatch.setattr(blobs, "GRACE", 0.0)
        monkeypatch.setattr(blobs.fs, "pipe_file", None)
        time.sleep(1.1)  # servers tell whole seconds
        blobs.renew([DIGEST, ABSENT])
        assert blobs.stat(DIGEST).modified > before
        assert blobs.get(DIGEST) == PICTURE
        assert blobs.fs.info(f"{blobs.prefix}/{DIGEST[:2]}/{DIGEST}")["ContentType"] == "image/png"
        assert not blobs.has(ABSENT)

    def test_a_missing_bucket_is_said(self, s3: str) -> None:
        with pytest.raises(StorageError, match="no bucket 'nowhere'"):
            Blobs.open("s3://nowhere/images", create=True)
        with pytest.raises(StorageError):
            Blobs.open("s3://nowhere/images").put(PICTURE, "image/png")

    def test_a_server_that_does_not_answer_is_said_in_one_sentence(self, s3: str, monkeypatch) -> None:
        import s3fs

        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setattr(s3fs.S3FileSystem, "_cache", {})  # or the file system of the tests before is found there
        with pytest.raises(StorageError, match="s3://bank/images") as caught:
            Blobs.open("s3://bank/images").get(DIGEST)
        assert "\n" not in str(caught.value)
        assert "AWS_ENDPOINT_URL" in caught.value.hint
        for ask in (Blobs.open("s3://bank/images").is_there, Blobs.open("s3://bank/images").create):
            with pytest.raises(StorageError, match=r"[Cc]onnect"):
                ask()


def test_file_urls_are_folders(tmp_path: Path) -> None:
    blobs = Blobs.open(f"file://{tmp_path}/a%20bank%E7%8C%AB", create=True)
    assert blobs.root == tmp_path / "a bank猫"
    assert blobs.root.is_dir()


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://example.org", "gs://bucket/x", "zip://x"])
def test_other_protocols_are_refused(url: str) -> None:
    with pytest.raises(BadInput, match="cannot lie on"):
        Blobs.open(url)


@pytest.mark.parametrize("url", ["simplecache::s3://bucket/x", "zip://a.zip::file:///tmp/x"])
def test_chained_file_systems_are_refused(url: str) -> None:
    with pytest.raises(BadInput, match="chains"):
        Blobs.open(url)


@pytest.mark.parametrize("url", ["s3://", "memory://", "memory:///"])
def test_a_url_without_a_place_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="names no place"):
        Blobs.open(url)


def test_s3_without_its_package_names_the_command_that_installs_it() -> None:
    code = """
import sys
sys.modules["s3fs"] = None
from seedbank.blobs import Blobs
from seedbank.errors import MissingEngine
try:
    Blobs.open("s3://bucket/images")
except MissingEngine as error:
    sys.exit(0 if error.exit_code == 12 and "seedbank-images[s3]" in error.hint else 1)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_local_store_loads_no_fsspec() -> None:
    code = "import sys; from seedbank.blobs import Blobs; Blobs.open('x'); assert 'fsspec' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
