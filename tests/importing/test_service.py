"""Import: once, as one piece of work, with what each file says, and nothing lost or taken for something else."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
import shutil
import struct
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

import seedbank
from seedbank.api import Library
from seedbank.bank import Pixels
from seedbank.check import check, collect_garbage
from seedbank.errors import BadInput, StorageError
from seedbank.frozen import replace
from seedbank.hashing import pixel_digest, sha256
from seedbank.importing import entries
from seedbank.importing.convert import convert
from seedbank.importing.examine import Rejected
from seedbank.importing.pool import Pool
from seedbank.importing.refused import Refused
from seedbank.recipe import Recipe
from seedbank.store.imports import Imports
from tests.formats import files
from tests.formats.tool_samples import GRAPH
from tests.importing.pictures import encoded, folder_of, image, parameters, png

pytestmark = pytest.mark.usefixtures("warm")


def outcomes(bank: Library, *paths: Path, **options) -> dict[str, int]:
    return dict(Counter(report.outcome for report in bank.importing(paths, jobs=1, **options)))


def ids(bank: Library, query: str = "") -> list[int]:
    return [entry.id for entry in bank.find(query)]


def test_a_folder_becomes_entries_with_what_each_file_says(bank_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))
    folder = folder_of(tmp_path / "out", 3)
    with seedbank.open(bank_url) as bank:
        bank.blobs.create()
        reports = list(bank.importing([folder], tags=["sea"], name="first", jobs=1))
        assert [(Path(one.path).name, one.outcome, one.entry) for one in reports] == [
            ("00000.png", "imported", 1),
            ("00001.png", "imported", 2),
            ("00002.png", "imported", 3),
        ]
        assert reports[0].made is not None
        assert reports[0].made.said.confidence["seed"] == 1.0
        entry = bank.store.entry(2)
        microseconds = (folder / "00001.png").stat().st_mtime_ns // 1000
        written = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
        assert (entry.seed, entry.prompt, entry.origin) == (1, "a lighthouse number 1, masterpiece", "imported")
        assert (entry.tags, entry.details["tool"], entry.details["created_from"]) == (("sea",), "a1111", "file")
        assert entry.created == written
        assert bank.image_bytes(entry) == (folder / "00001.png").read_bytes()
        assert entry.picture == bank.store.entry(2).picture is not None
        (payload,) = bank.store.imports.payloads(2)
        assert (payload.place, payload.text) == ("png:parameters", parameters(1))
        assert ids(bank, "origin:imported seed:1..2 tag:sea run:first") == [3, 2]
        assert ids(bank, parameters(1)) == [2], "what the file says, pasted, finds it again"
        assert list(check(bank, read_data=True)) == []
        assert outcomes(bank, folder, tags=["sea"]) == {"known": 3}


def test_an_import_of_before_gets_the_words_of_its_file_for_the_sampler(
    bank_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))
    folder = folder_of(tmp_path / "out", 0)
    texts = [parameters(seed).replace("Euler a", "Euler") for seed in (0, 1)]
    for seed, text in enumerate(texts):
        (folder / f"{seed}.png").write_bytes(png(seed, text))
    (folder / "silent.png").write_bytes(encoded(image(9), "PNG"))

    def of_before(*given):
        return dataclasses.replace(made := convert(*given), details={name: made.details[name] for name in ("tool", "place")})

    with seedbank.open(bank_url) as bank:
        bank.blobs.create()
        with monkeypatch.context() as patched:
            patched.setattr(entries, "convert", of_before)
            assert outcomes(bank, folder) == {"imported": 3}
        before = bank.entry("seed:1")
        assert ids(bank, "sampler:euler") == ids(bank, texts[1]) == []
        assert outcomes(bank, folder) == {"known": 3}
        told = {Path(one.path).name: (one.outcome, one.reason) for one in bank.importing([folder], mend=True, jobs=1)}
        lacked = ("restored", "Its entry lacked what the file calls the sampler and the schedule.")
        assert told == {"0.png": lacked, "1.png": lacked, "silent.png": ("known", "")}
        assert ids(bank, texts[1]) == ids(bank, "sampler:euler seed:1") == [before.id]
        after = bank.entry(before.id)
        assert replace(after, details=before.details) == before
        assert after.details == {**before.details, "sampler": "Euler"}
        assert list(check(bank, read_data=True)) == []
        assert outcomes(bank, folder, mend=True) == {"known": 3}


def test_the_same_bytes_have_one_entry_and_the_same_pixels_share_what_is_said_of_them(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 1)
    (folder / "copy.png").write_bytes((folder / "00000.png").read_bytes())
    (folder / "saved again.png").write_bytes(png(0, extra="opened in an editor"))
    assert outcomes(bank, folder, tags=["sea"]) == {"imported": 2, "known": 1}
    first, second = bank.store.entries([1, 2])
    assert first.picture == second.picture
    assert first.blob != second.blob
    bank.untag(1, "sea")
    (folder / "00000.png").touch()
    assert outcomes(bank, folder, tags=["sea"]) == {"known": 3}
    assert bank.store.entry(1).tags == (), "what was taken away does not come back with the next import"
    bank.rate(1, 5)
    assert bank.store.entry(2).rating == 5


def test_unchanged_files_are_not_opened_and_touched_ones_get_no_second_entry(
    bank: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = folder_of(tmp_path / "out", 3)
    outcomes(bank, folder)
    (folder / "00001.png").touch()
    shutil.move(folder / "00002.png", folder / "moved.png")
    assert outcomes(bank, folder) == {"known": 3}
    before = bank.store.operations()
    with monkeypatch.context() as patched:
        patched.setattr("seedbank.importing.pool.Pool.give", None)
        assert outcomes(bank, folder) == {"known": 3}
    assert bank.store.operations() == before
    (folder / "00000.png").write_bytes(png(77))
    assert outcomes(bank, folder) == {"imported": 1, "known": 2}


def test_broken_files_are_lines_of_the_report(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 2)
    (folder / "cut.png").write_bytes(png(5)[:-30])
    (folder / "text.jpg").write_text("hello")
    (folder / "no metadata.png").write_bytes(encoded(image(9), "PNG"))
    (folder / "nul.png").write_bytes(png(8, text=parameters(8).replace("masterpiece", "\0")))
    found = {Path(one.path).name: one for one in bank.importing([folder], jobs=2)}
    assert {name: one.outcome for name, one in found.items() if one.outcome != "imported"} == {
        "cut.png": "rejected",
        "text.jpg": "rejected",
    }
    assert "damaged" in found["cut.png"].reason
    silent = bank.store.entry(found["no metadata.png"].entry or 0)
    assert (silent.recipe, silent.obstacles) == (None, ("The file does not say how it was made.",))
    assert list(check(bank, read_data=True)) == []
    (folder / "cut.png").write_bytes(png(5))
    assert outcomes(bank, folder)["imported"] == 1, "a file that was broken is tried again"


def test_a_picture_that_the_image_store_lost_or_damaged_comes_back_from_its_file(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 3)
    (folder / "silent.png").write_bytes(encoded(image(9), "PNG"))
    assert outcomes(bank, folder) == {"imported": 4}
    places = {}
    for name in ("00000.png", "00001.png", "silent.png"):
        place = places[name] = bank.blobs.path(sha256((folder / name).read_bytes()))
        place.chmod(0o644)
    places["00000.png"].unlink()
    places["silent.png"].unlink()
    places["00001.png"].write_bytes(bytes(places["00001.png"].stat().st_size))
    short = bank.blobs.path(sha256((folder / "00002.png").read_bytes()))
    short.chmod(0o644)
    short.write_bytes(b"short")
    assert outcomes(bank, folder) == {"known": 4}, "the database is believed, so that nothing is read"
    hints = [finding.hint for finding in check(bank)]
    assert any(hint.endswith(f"import its file again: seedbank import {folder / 'silent.png'} --mend") for hint in hints)
    (folder / "00000.png").rename(folder / "moved.png")
    reports = list(bank.importing([folder], mend=True, jobs=1))
    told = {Path(one.path).name: (one.outcome, bool(one.reason)) for one in reports}
    told_why = {Path(one.path).name: one.reason for one in reports}
    assert told == {
        "moved.png": ("restored", True),
        "00001.png": ("restored", True),
        "00002.png": ("restored", True),
        "silent.png": ("restored", True),
    }
    assert "has 5 bytes instead of" in told_why["00002.png"], "what has another size is not read"
    assert list(check(bank, read_data=True)) == []
    assert outcomes(bank, folder, mend=True) == {"known": 4}
    with pytest.raises(BadInput, match="seedbank check"):
        outcomes(bank, folder, mend=True, dry_run=True)


def test_a_rejected_file_is_left_alone_until_it_changes(bank: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = folder_of(tmp_path / "out", 1)
    (folder / "cut.png").write_bytes(png(5)[:-30])
    assert outcomes(bank, folder, dry_run=True) == {"would import": 1, "rejected": 1}
    assert outcomes(bank, folder) == {"imported": 1, "rejected": 1}, "what a dry run saw is not remembered"
    with monkeypatch.context() as patched:
        patched.setattr("seedbank.importing.pool.Pool.give", None)
        again = {Path(one.path).name: one for one in bank.importing([folder], jobs=1)}
    assert (again["cut.png"].outcome, "damaged" in again["cut.png"].reason) == ("rejected before", True)
    assert outcomes(bank, folder, retry=True) == {"known": 1, "rejected": 1}
    assert outcomes(bank, folder, metadata_only=True) == {"known": 1, "imported": 1}, "its headers are whole"
    assert outcomes(bank, folder) == {"known": 1, "rejected before": 1}
    monkeypatch.setattr("seedbank.importing.refused._by", lambda: "a newer version, which may take it")
    assert outcomes(bank, folder) == {"known": 1, "rejected": 1}
    (folder / "cut.png").write_bytes(png(5))
    assert outcomes(bank, folder) == {"known": 1, "imported": 1}


def test_what_is_rejected_is_remembered_before_an_import_ends(bank: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = folder_of(tmp_path / "out", 1)
    (folder / "cut.png").write_bytes(png(5)[:-30])
    monkeypatch.setattr("seedbank.importing.refused.EVERY", 0.0)
    under_way = bank.importing([folder], jobs=1)
    assert [next(under_way).outcome, next(under_way).outcome] == ["rejected", "imported"]
    assert str(folder / "cut.png") in Refused().path.read_text("utf-8")
    under_way.close()


def test_a_file_that_could_not_be_read_is_tried_again(bank: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = folder_of(tmp_path / "out", 1)
    (result,) = (Rejected("It changed while it was read.", passing=True),)
    with monkeypatch.context() as patched:
        collect = Pool.collect
        patched.setattr(Pool, "collect", lambda *given: [(key, result) for key, _ in collect(*given)])
        assert outcomes(bank, folder) == {"rejected": 1}
    assert outcomes(bank, folder) == {"imported": 1}


def test_a_value_that_no_database_can_hold_costs_its_own_file(bank: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = folder_of(tmp_path / "out", 3)

    def make_entry(found, *args, **how):
        made = entries.make_entry(found, *args, **how)
        large = replace(made.new, picture=replace(made.new.picture, width=2**70))
        return replace(made, new=large) if found.name == "00001.png" else made

    monkeypatch.setattr("seedbank.importing.service.make_entry", make_entry)
    found = list(bank.importing([folder], jobs=1))
    assert sorted((Path(one.path).name, one.outcome) for one in found) == [
        ("00000.png", "imported"),
        ("00001.png", "rejected"),
        ("00002.png", "imported"),
    ]
    assert list(check(bank)) == []


def test_a_picture_comes_with_its_preview_and_a_small_one_is_its_own(bank: Library, tmp_path: Path):
    (tmp_path / "small.png").write_bytes(png(1))
    (tmp_path / "large.png").write_bytes(encoded(image(2, (300, 200)), "PNG"))
    outcomes(bank, tmp_path / "small.png", tmp_path / "large.png")
    (preview,) = (tmp_path / "cache/previews").rglob("*.webp")
    entry = bank.store.entry(2)
    assert entry.blob is not None
    assert preview.name == f"{entry.blob.digest}-256.webp"
    with Image.open(preview) as opened:
        assert opened.size == (256, 171)


def test_a_text_beside_a_picture_that_says_nothing_is_read(bank: Library, tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(encoded(image(1), "JPEG"))
    (tmp_path / "a.txt").write_text(parameters(41))
    outcomes(bank, tmp_path / "a.jpg")
    assert bank.store.entry(1).seed == 41
    assert bank.store.imports.payloads(1)[0].place == "sidecar:.txt"


def test_a_single_text_is_one_path_and_one_tag(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "outputs", 1)
    (report,) = bank.importing(str(folder), tags="hero", jobs=1)
    assert report.entry is not None
    assert bank.entry(report.entry).tags == ("hero",)


def test_a_dry_run_changes_nothing(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 2)
    before = bank.store.operations()
    assert outcomes(bank, folder, dry_run=True) == {"would import": 2}
    assert (ids(bank), bank.store.operations(), list(bank.blobs.list())) == ([], before, [])
    assert not (tmp_path / "cache").exists()
    outcomes(bank, folder)
    assert outcomes(bank, folder, dry_run=True) == {"known": 2}


def test_a_picture_of_a_bank_comes_with_its_whole_recipe(bank: Library, tmp_path: Path):
    recipe = Recipe(
        conditioning={"prompt": "星"}, noise={"kind": "torch-cpu", "seed": 2**64 - 1}, call={"width": 8, "height": 8}
    )
    with seedbank.open(tmp_path / "other.db", create=True) as other:
        entry = other.add(Pixels("RGB", 8, 8, bytes(192)), recipe)
        data = other.image_bytes(entry)
    (tmp_path / "own.png").write_bytes(data)
    with Image.open(io.BytesIO(data)) as opened:
        changed = dict(opened.text)
    changed["seedbank"] = changed["seedbank"].replace("星", "月")
    again = Image.frombytes("RGB", (8, 8), bytes(192))
    chunks = __import__("PIL.PngImagePlugin", fromlist=["PngInfo"]).PngInfo()
    chunks.add_itxt("seedbank", "{" + changed["seedbank"][1:].replace('"v":1', '"v": 1'))
    (tmp_path / "changed.png").write_bytes(encoded(again, "PNG", pnginfo=chunks))
    assert outcomes(bank, tmp_path / "own.png", tmp_path / "changed.png") == {"imported": 2}
    own, other_one = bank.store.entries([1, 2])
    assert (own.recipe, own.seed, own.recipe_digest) == (recipe, 2**64 - 1, recipe.digest)
    assert own.picture == entry.picture
    assert any("was changed" in remark for remark in other_one.details["remarks"])


@pytest.mark.parametrize(("kind", "lossy"), [("PNG", False), ("JPEG", True), ("WEBP", True)])
def test_a_lossy_original_is_marked(bank: Library, tmp_path: Path, kind: str, lossy: bool):
    (tmp_path / "picture").write_bytes(encoded(image(1), kind))
    outcomes(bank, tmp_path / "picture")
    assert dict(bank.store.entry(1).output.flags) == ({"lossy": True} if lossy else {})


def test_the_time_of_exif_comes_before_that_of_the_file(bank: Library, tmp_path: Path):
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0x9011: "+00:00"})
    (tmp_path / "a.jpg").write_bytes(encoded(image(1), "JPEG", exif=exif))
    outcomes(bank, tmp_path / "a.jpg")
    entry = bank.store.entry(1)
    assert (entry.created, entry.details["created_from"]) == (datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), "exif")


def test_the_time_of_a_png_comes_before_that_of_the_file(bank: Library, tmp_path: Path):
    time = struct.pack(">HBBBBB", 2024, 5, 6, 7, 8, 9)
    for name, data in (("a.png", time), ("b.png", time[:2] + bytes(5))):
        (tmp_path / name).write_bytes(files.png(files.chunk(b"tIME", data)))
        outcomes(bank, tmp_path / name)
    first, other = bank.store.entry(1), bank.store.entry(2)
    assert (first.created, first.details["created_from"]) == (datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), "png")
    assert other.details["created_from"] == "file", "there is no month of that number"


def test_an_animation_is_its_first_frame_and_says_so(bank: Library, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0110] = "prompt:" + json.dumps(GRAPH)
    frames = {"save_all": True, "append_images": [image(2), image(3)], "duration": 100, "lossless": True}
    (tmp_path / "a.webp").write_bytes(encoded(image(1), "WEBP", exif=exif, **frames))
    outcomes(bank, tmp_path / "a.webp")
    entry = bank.store.entry(1)
    assert (entry.details["tool"], entry.output.flags["frames"]) == ("comfyui", 3)
    assert any("an animation of 3 frames" in sentence for sentence in entry.obstacles)
    pixels = bank.pixels(entry)
    assert entry.picture is not None
    assert entry.picture.digest == pixel_digest(pixels.mode, pixels.width, pixels.height, pixels.rows)
    assert pixels.rows == image(1).convert(pixels.mode).tobytes()
    (attempt,) = bank.regen(1)
    assert attempt.regeneration.verdict == "blocked" and "an animation of 3 frames" in str(attempt.regeneration)


# -- files that stay where they are ------------------------------------------------------------------------------------


def test_a_referenced_file_is_read_where_it_lies_and_never_when_it_is_another(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 3)
    assert outcomes(bank, folder, copy=False) == {"imported": 3}
    assert list(bank.blobs.list()) == []
    entry = bank.store.entry(1)
    assert bank.image_bytes(entry) == png(0)
    assert bank.path(entry) == str(folder / "00000.png")
    assert list(check(bank, read_data=True)) == []
    (folder / "00000.png").write_bytes(bytes(reversed(png(0))))
    (folder / "00001.png").unlink()
    with pytest.raises(StorageError, match="its bytes have changed"):
        bank.image_bytes(entry)
    assert not bank.has_whole_image(entry)
    with pytest.raises(StorageError, match="cannot be read"):
        bank.pixels(bank.store.entry(2))
    assert (ids(bank, "bytes:absent"), ids(bank, "bytes:present")) == ([2], [3, 1])
    assert [finding.kind for finding in check(bank)] == ["missing"]
    assert sorted(finding.kind for finding in check(bank, read_data=True)) == ["changed", "missing"]
    assert bank.path(bank.store.entry(2)) is None


def test_a_file_that_moved_is_found_again_and_copying_keeps_it(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 1)
    outcomes(bank, folder, copy=False)
    shutil.move(folder, tmp_path / "moved")
    assert ids(bank, "bytes:absent") == [1]
    assert outcomes(bank, tmp_path / "moved", copy=False) == {"known": 1}
    assert ids(bank, "bytes:absent") == []
    assert outcomes(bank, tmp_path / "moved") == {"completed": 1}
    shutil.rmtree(tmp_path / "moved")
    assert bank.image_bytes(bank.store.entry(1)) == png(0)
    assert ids(bank, "bytes:absent") == []


def test_metadata_alone_makes_entries_that_get_their_pictures_later(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 2)
    assert outcomes(bank, folder, metadata_only=True) == {"imported": 2}
    shutil.copy(folder / "00000.png", tmp_path / "twin.png")
    assert outcomes(bank, tmp_path / "twin.png", metadata_only=True) == {"imported": 1}, "its bytes were not read"
    assert outcomes(bank, tmp_path / "twin.png") == {"completed": 1}
    bank.trash([3])
    bank.purge([3])
    entry = bank.store.entry(1)
    assert (entry.seed, entry.picture, entry.blob) == (0, None, None)
    assert ids(bank, "bytes:absent") == [2, 1]
    assert outcomes(bank, folder, metadata_only=True) == {"known": 2}
    assert outcomes(bank, folder) == {"completed": 2}
    assert outcomes(bank, folder) == outcomes(bank, folder, metadata_only=True) == {"known": 2}
    shutil.copy(folder / "00000.png", tmp_path / "copy.png")
    assert outcomes(bank, tmp_path / "copy.png") == {"known": 1}
    assert bank.image_bytes(bank.store.entry(1)) == png(0)
    assert bank.store.entry(1).uid == entry.uid
    assert ids(bank, "size:16x16") == [2, 1]
    assert list(check(bank, read_data=True)) == []
    with pytest.raises(BadInput, match="Tags hang on pictures"):
        outcomes(bank, folder, metadata_only=True, tags=["sea"])


# -- one piece of work -------------------------------------------------------------------------------------------------


def test_undo_takes_a_whole_import_back_with_its_tags_and_does_it_again(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 3)
    mine = bank.add(Image.open(io.BytesIO(png(0))))
    outcomes(bank, folder, tags=["sea"])
    assert bank.store.entry(mine.id).tags == ("sea",)
    done = bank.undo()
    assert done.operation.kind == "import"
    assert ids(bank) == [mine.id]
    assert bank.store.entry(mine.id).tags == ()
    reports = list(bank.importing([folder], jobs=1))
    assert [(one.outcome, one.trashed) for one in reports] == [("known", True)] * 3
    bank.undo(done.undo)
    assert ids(bank, "tag:sea") == [4, 3, 2, mine.id]
    bank.trash([2, 3, 4])
    bank.purge([2, 3])
    assert outcomes(bank, folder) == {"imported": 2, "known": 1}


def test_undo_of_an_import_with_tags_counts_its_entries(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 1)
    (folder / "again.png").write_bytes(png(0, extra="the same pixels"))
    outcomes(bank, folder, tags=["sea"])
    assert bank.undo().changed == 2, "entries; their picture is one, and has the tag once"


def test_an_import_that_was_interrupted_is_one_piece_of_work(bank: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("seedbank.importing.service.BATCH", 2)
    monkeypatch.setattr("seedbank.importing.pool.AHEAD", 2)  # or a quick process is done with all of them at once
    folder = folder_of(tmp_path / "out", 6)
    started = bank.importing([folder], jobs=1)
    assert next(started).outcome == "imported"
    started.close()
    there = len(ids(bank))
    assert 0 < there < 6
    (run,) = bank.store.runs()
    assert run.finished is None
    assert outcomes(bank, folder) == {"known": there, "imported": 6 - there}
    (run,) = bank.store.runs()
    assert run.finished is not None
    bank.undo()
    assert ids(bank) == []
    folder_of(folder, 1, first=6)
    assert outcomes(bank, folder) == {"known": 6, "imported": 1}
    assert len(bank.store.runs()) == 2, "what came later is another piece of work"


@pytest.mark.parametrize("images", ["folder", "memory"])
def test_bytes_whose_entry_is_purged_while_they_are_imported_again_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: str
):
    folder = folder_of(tmp_path / "in", 1)
    url = str(tmp_path / "images") if images == "folder" else f"memory://{tmp_path.name}"
    with seedbank.open(tmp_path / "art.db", create=True, images=url) as bank:
        assert outcomes(bank, folder) == {"imported": 1}
        (stored,) = bank.blobs.list()
        if images == "folder":
            os.utime(bank.blobs.path(stored.name) or "", (0, 0))
        else:
            name = f"/{bank.blobs.prefix}/{stored.name[:2]}/{stored.name}"
            bank.blobs.fs.store[name].modified = datetime(1970, 1, 1, tzinfo=UTC)
        (folder / "00000.png").rename(folder / "moved.png")
        adding = Imports.adding

        def purged_before(*given, **more):
            bank.store.trash([1])
            bank.store.purge([1])
            assert collect_garbage(bank).blobs == 0
            return adding(*given, **more)

        monkeypatch.setattr(Imports, "adding", purged_before)
        assert outcomes(bank, folder) == {"imported": 1}
        assert list(check(bank, read_data=True)) == []


def test_an_import_leaves_no_unfinished_files(bank: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("seedbank.importing.service.BATCH", 2)
    folder = folder_of(tmp_path / "out", 4)
    (folder / "copy.png").write_bytes((folder / "00000.png").read_bytes())
    (folder / "cut.png").write_bytes(png(5)[:-30])
    started = bank.importing([folder], jobs=1)
    next(started)
    started.close()
    outcomes(bank, folder)
    (folder / "00001.png").touch()
    assert outcomes(bank, folder)["known"] == 5
    assert list(bank.blobs.leftovers()) == []
    assert len(list(bank.blobs.list())) == 4, "nothing of the broken file, and the same bytes once"


@pytest.mark.parametrize("images", ["folder", "memory"])
def test_bytes_that_could_not_be_staged_are_stored_by_the_import_itself(tmp_path: Path, images: str):
    folder = folder_of(tmp_path / "out", 3)
    url = str(tmp_path / "images") if images == "folder" else f"memory://{tmp_path.name}"
    with seedbank.open(tmp_path / "art.db", create=True, images=url) as bank:
        if images == "folder":
            (tmp_path / "images" / "tmp").rmdir()  # as in a copy of a bank that lost its empty folders
        assert outcomes(bank, folder) == {"imported": 3}
        assert list(check(bank, read_data=True)) == []
        if images == "folder":
            shutil.move(tmp_path / "images", tmp_path / "unmounted")
            folder_of(folder, 1, first=7)
            with pytest.raises(StorageError, match="is not there"):
                outcomes(bank, folder)


def test_bytes_are_on_the_disk_before_an_entry_names_them(bank: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = folder_of(tmp_path / "out", 2)
    sync, adopt, calls = bank.blobs.sync, bank.blobs.adopt, []
    monkeypatch.setattr(bank.blobs, "sync", lambda path: calls.append(("sync", {path})) or sync(path))
    monkeypatch.setattr(bank.blobs, "adopt", lambda staged: calls.append(("adopt", {*staged.values()})) or adopt(staged))
    assert outcomes(bank, folder) == {"imported": 2}
    (first, one), (second, other), (last, both) = calls
    assert (first, second, last) == ("sync", "sync", "adopt")
    assert one | other == both
    monkeypatch.setattr("seedbank.posix.os.fsync", _refused)
    with pytest.raises(StorageError, match="could not take a file over"):
        outcomes(bank, folder_of(tmp_path / "more", 1, first=9))
    assert len(ids(bank, "")) == 2


def _refused(descriptor: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_name_stands_for_one_import(bank: Library, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 1)
    outcomes(bank, folder, name="mine")
    folder_of(folder, 1, first=1)
    outcomes(bank, folder, name="mine")
    assert ids(bank, "run:mine") == [2, 1]
    with pytest.raises(BadInput, match="already a run called 'mine'"):
        outcomes(bank, folder, name="mine", copy=False)


def test_an_unknown_format_is_refused_with_those_that_there_are(bank: Library, tmp_path: Path):
    with pytest.raises(BadInput, match=r"no format .mspaint.*a1111"):
        outcomes(bank, folder_of(tmp_path / "out", 1), tool="mspaint")


def test_payloads_are_kept_word_for_word_and_once(bank: Library, tmp_path: Path):
    text = parameters(1) + ", Note: 猫"
    (tmp_path / "a.png").write_bytes(png(1, text=text))
    (tmp_path / "b.png").write_bytes(png(2, text=text))
    outcomes(bank, tmp_path / "a.png", tmp_path / "b.png")
    for number in (1, 2):
        (payload,) = bank.store.imports.payloads(number)
        assert payload.text == text
        assert payload.raw.decode() == text
    with bank.store.database.reading() as connection:
        from sqlalchemy import text as sql

        assert connection.scalar(sql("SELECT count(*) FROM payloads")) == 1
        assert connection.scalar(sql("SELECT digest FROM payloads")).hex() == sha256(text.encode())
