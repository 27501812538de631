"""Contracts as test classes. An author of a back end inherits one and provides its fixture; needs pytest.

class TestMyStore(BlobsContract):
    @pytest.fixture
    def blobs(self):
        return MyBlobs(...)
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seedbank.blobs import Blobs, DamagedBlob, MissingBlob
from seedbank.errors import BadInput
from seedbank.records import Blob

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300
DIGEST = hashlib.sha256(PICTURE).hexdigest()
ABSENT = "0" * 64


class BlobsContract:
    """What every image store keeps. `blobs` is a fresh, empty store; `damage` changes stored bytes behind its back."""

    @pytest.fixture
    def blobs(self) -> Blobs:
        raise NotImplementedError

    def damage(self, blobs: Blobs, digest: str, data: bytes) -> None:
        """Replace the bytes that lie under `digest`."""
        raise NotImplementedError

    def test_a_blob_comes_back_byte_for_byte(self, blobs: Blobs) -> None:
        assert blobs.put(PICTURE, "image/png") == Blob(DIGEST, len(PICTURE), "image/png")
        assert blobs.get(DIGEST) == PICTURE
        with blobs.stream(DIGEST) as stream:
            assert stream.read() == PICTURE

    def test_an_empty_blob_is_a_blob(self, blobs: Blobs) -> None:
        digest = blobs.put(b"", "application/octet-stream").digest
        assert blobs.get(digest) == b""
        assert blobs.size(digest) == 0

    def test_a_file_is_stored_by_its_bytes_and_stays_where_it_was(self, blobs: Blobs, tmp_path: Path) -> None:
        source = tmp_path / "source.png"
        source.write_bytes(PICTURE)
        assert blobs.put(source, "image/png").digest == DIGEST
        assert blobs.get(DIGEST) == source.read_bytes() == PICTURE

    def test_a_file_that_cannot_be_read_is_said_and_nothing_is_stored(self, blobs: Blobs, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match=r"absent\.png cannot be read"):
            blobs.put(tmp_path / "absent.png", "image/png")
        assert list(blobs.list()) == []

    def test_storing_the_same_bytes_again_changes_nothing(self, blobs: Blobs) -> None:
        assert blobs.put(PICTURE, "image/png") == blobs.put(PICTURE, "image/png")
        assert [item.name for item in blobs.list()] == [DIGEST]

    def test_size_has_and_verify_agree_about_what_is_there(self, blobs: Blobs) -> None:
        assert not blobs.has(DIGEST)
        blobs.put(PICTURE, "image/png")
        assert blobs.has(DIGEST)
        assert blobs.size(DIGEST) == blobs.verify(DIGEST) == len(PICTURE)

    def test_a_missing_blob_is_named_with_a_remedy(self, blobs: Blobs) -> None:
        assert not blobs.has(ABSENT)
        for ask in (blobs.get, blobs.stream, blobs.size, blobs.verify):
            with pytest.raises(MissingBlob, match=ABSENT) as caught:
                ask(ABSENT)
            assert caught.value.hint

    def test_list_gives_every_blob_once_in_order_with_size_and_time(self, blobs: Blobs) -> None:
        put = {blobs.put(bytes([number]) * number, "image/png").digest: number for number in range(40)}
        listed = list(blobs.list())
        assert [item.name for item in listed] == sorted(put)
        assert {item.name: item.size for item in listed} == put
        assert all(abs(item.modified - datetime.now(UTC)) < timedelta(minutes=5) for item in listed)

    def test_remove_takes_one_blob_away_and_can_be_repeated(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        kept = blobs.put(b"another", "image/png").digest
        blobs.remove(DIGEST)
        blobs.remove(DIGEST)
        assert [item.name for item in blobs.list()] == [kept]

    def test_get_and_verify_refuse_a_blob_with_one_flipped_byte(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        self.damage(blobs, DIGEST, PICTURE[:500] + bytes([PICTURE[500] ^ 1]) + PICTURE[501:])
        for ask in (blobs.get, blobs.verify):
            with pytest.raises(DamagedBlob, match=DIGEST) as caught:
                ask(DIGEST)
            assert "seedbank regen" in caught.value.hint

    def test_get_and_verify_refuse_a_blob_that_was_cut_short(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        self.damage(blobs, DIGEST, PICTURE[:-1])
        for ask in (blobs.get, blobs.verify):
            with pytest.raises(DamagedBlob):
                ask(DIGEST)

    def test_storing_the_bytes_again_mends_a_damaged_blob(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        self.damage(blobs, DIGEST, b"x" * len(PICTURE))
        blobs.put(PICTURE, "image/png")
        assert blobs.get(DIGEST) == PICTURE

    def test_nothing_but_a_digest_is_an_address(self, blobs: Blobs) -> None:
        for name in ("", "ab", "../" * 10 + "etc/passwd", DIGEST.upper(), DIGEST + "\n", f"{DIGEST[:-1]}/"):
            for ask in (blobs.get, blobs.stream, blobs.has, blobs.path, blobs.verify, blobs.remove):
                with pytest.raises(BadInput):
                    ask(name)

    def test_the_url_opens_the_same_store_again(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        again = Blobs.open(blobs.url)
        assert again.get(DIGEST) == PICTURE
        assert again.url == blobs.url

    def test_the_mark_is_written_once_unless_it_is_replaced_and_is_no_blob(self, blobs: Blobs) -> None:
        assert blobs.mark() is None
        blobs.write_mark(b"the first")
        blobs.write_mark(b"the second")
        assert blobs.mark() == b"the first"
        blobs.write_mark(b"the third", replace=True)
        assert Blobs.open(blobs.url).mark() == b"the third"
        assert [*blobs.list(), *blobs.leftovers()] == []

    def test_creating_a_store_again_keeps_what_it_holds(self, blobs: Blobs) -> None:
        blobs.put(PICTURE, "image/png")
        assert Blobs.open(blobs.url, create=True).get(DIGEST) == PICTURE
