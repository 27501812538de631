"""A bank whose pictures lie in a bucket of a real S3 server: recorded, read, checked, tidied as in a folder."""

import os
import random

import pytest
import s3fs

import seedbank
from seedbank.bank import Pixels
from seedbank.blobs.mark import owners
from seedbank.check import check, collect_garbage
from seedbank.errors import BadInput, StorageError
from seedbank.recipe import Recipe


def test_a_bank_keeps_its_pictures_in_a_bucket(tmp_path, s3):
    bucket = f"art-{os.getpid()}"
    with pytest.raises(StorageError, match="no bucket"):
        seedbank.open(tmp_path / "art.db", create=True, images=f"s3://{bucket}/art")
    assert not (tmp_path / "art.db").exists(), "no bank is made whose pictures have no place"

    s3fs.S3FileSystem().mkdirs(bucket, exist_ok=True)
    images = f"s3://{bucket}/art"
    with seedbank.open(tmp_path / "art.db", create=True, images=images) as bank:
        rows = random.Random(1).randbytes(3 * 16 * 16)
        recipe = Recipe(conditioning={"prompt": "一只橘色的星星"}, noise={"seed": 7}, call={})
        entry = bank.add(Pixels("RGB", 16, 16, rows), recipe, tags=["cloud"])

    with seedbank.open(tmp_path / "art.db") as bank:
        (found,) = bank.find("tag:cloud")
        assert bank.pixels(found).rows == rows
        assert bank.path(found) is None
        assert bank.whereabouts(found) == f"{entry.blob.digest} in {images}"
        assert list(owners(bank.blobs)) == [bank.store.info().uid]
        with pytest.raises(BadInput, match="is the image store of the bank"):
            seedbank.open(tmp_path / "other.db", create=True, images=images)
        mark = bank.blobs.mark() or b""
        bank.blobs.write_mark(b"bank 01990000-0000-7000-8000-000000000000\n", replace=True)
        with (
            seedbank.open(tmp_path / "art.db") as again,
            pytest.raises(StorageError, match="belongs to the bank 0199") as caught,
        ):
            again.add(Pixels("RGB", 16, 16, rows))
        assert caught.value.hint.startswith("Are AWS_ENDPOINT_URL and the bucket")
        bank.blobs.write_mark(mark, replace=True)
        assert list(check(bank, read_data=True)) == []
        bank.trash(found.id)
        bank.purge(found.id)
        assert collect_garbage(bank, grace_hours=0).blobs == 1
        try:
            bank.blobs.get(entry.blob.digest)
        except StorageError as error:
            assert entry.blob.digest in error.message
        else:
            raise AssertionError("the picture is still there")
