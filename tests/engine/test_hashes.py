"""A file of weights is called by every hash that other tools give it, read once, and known by its tensors."""

import hashlib
import json
import struct
from pathlib import Path

import pytest

from seedbank.engine import hashes
from seedbank.engine.hashes import RememberedHashes, folder_hash, kind_of, read_hashes
from seedbank.errors import Blocked

BLAKE3_OF_1024 = "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"
"""Of the bytes 0 to 250 over and over: from BLAKE3's own test vectors."""


def weights(path: Path, tensors: dict[str, list[int]], metadata: dict[str, str] | None = None) -> Path:
    """A safetensors file written by hand: float16 tensors of these shapes, whose bytes are 0 to 250 over and over."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, shape in tensors.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    head = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(number % 251 for number in range(end)))
    return path


@pytest.fixture
def large(tmp_path):
    """More than the 64 KiB at 1 MiB that A1111's old hash looks at, and more than one chunk."""
    return weights(tmp_path / "large.safetensors", {"model.diffusion_model.a": [700, 1000]}, {"sshs_model_hash": "AB" * 32})


def test_all_kinds_of_hashes_come_from_one_reading(large, monkeypatch):
    data = large.read_bytes()
    after_header = data[8 + int.from_bytes(data[:8], "little") :]
    monkeypatch.setattr(hashes, "CHUNK", 100_003)  # so that no border falls on a border of the ranges
    read = []
    found = read_hashes(large, read.append)
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert found["data"] == hashlib.sha256(after_header).hexdigest()
    assert found["first"] == hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
    assert found["sshs"] == "ab" * 32
    assert sum(read) == len(data)


def test_a_small_file_has_a1111s_old_hash_of_nothing(tmp_path):
    found = read_hashes(weights(tmp_path / "small.safetensors", {"a": [2, 2]}))
    assert found["first"] == "e3b0c442"  # SHA-256 of nothing
    assert "sshs" not in found


def test_blake3_is_that_of_its_test_vectors(tmp_path):
    from blake3 import blake3

    assert blake3(bytes(number % 251 for number in range(1024))).hexdigest() == BLAKE3_OF_1024
    path = weights(tmp_path / "a.safetensors", {"a": [512]})
    assert read_hashes(path)["blake3"] == blake3(path.read_bytes()).hexdigest()


def test_a_folder_is_hashed_as_invokeai_does_it(tmp_path):
    from blake3 import blake3

    folder = tmp_path / "model"
    one = weights(folder / "unet" / "diffusion.safetensors", {"a": [4]})
    two = weights(folder / "text_encoder" / "model.safetensors", {"b": [6]})
    (folder / "model_index.json").write_text("{}")
    text = "".join(blake3(path.read_bytes()).hexdigest() for path in (two, one))  # by their paths
    remembered = RememberedHashes(tmp_path / "known.json")
    assert folder_hash(folder, remembered) == {"blake3": blake3(text.encode()).hexdigest()}
    (folder / "unet" / "old.bin").write_bytes(b"pickled")
    assert folder_hash(folder, remembered) == {}


def test_a_file_is_read_once_and_again_when_it_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))
    path = weights(tmp_path / "a.safetensors", {"a": [8]})
    first = RememberedHashes().of(path)
    reads = []
    monkeypatch.setattr(hashes, "read_hashes", lambda *arguments: reads.append(arguments) or {"sha256": "0" * 64})
    told = []
    assert RememberedHashes().of(path, told.append) == first and not reads
    assert told == [path.stat().st_size]
    weights(path, {"a": [9]})
    assert RememberedHashes().of(path) == {"sha256": "0" * 64} and len(reads) == 1


def test_what_was_hashed_here_is_not_read_again_for_the_manifest(tmp_path, monkeypatch):
    from seedbank.engine.adapters import read_adapter

    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))
    path = weights(tmp_path / "a.safetensors", {"x.lora_up.weight": [8, 2]})
    digest = RememberedHashes().of(path)["sha256"]
    monkeypatch.setattr("seedbank.engine.manifest._hash", lambda *arguments: pytest.fail("read again"))
    assert read_adapter("lora", path).model.files[0].sha256 == digest


def test_a_lost_memory_costs_time_only(tmp_path):
    path = weights(tmp_path / "a.safetensors", {"a": [8]})
    (tmp_path / "known.json").write_text("[broken")
    assert RememberedHashes(tmp_path / "known.json").of(path) == read_hashes(path)


def test_what_is_no_safetensors_file_is_not_hashed(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"PK\x03\x04pickled")
    with pytest.raises(Blocked, match="pickled"):
        read_hashes(path)


@pytest.mark.parametrize(
    ("tensors", "kind"),
    [
        ({"lora_unet_down.lora_up.weight": [8, 2]}, ("lora", None)),
        ({"unet.down.to_q.lora_A.weight": [2, 8]}, ("lora", None)),
        ({"lora_te_text.hada_w1_a": [8, 2]}, ("lora", None)),
        ({"emb_params": [4, 768]}, ("embedding", None)),
        ({"clip_l": [2, 768], "clip_g": [2, 1280]}, ("embedding", None)),
        ({"encoder.conv_in.weight": [8, 3, 3, 3], "decoder.conv_in.weight": [8, 4, 3, 3]}, ("vae", None)),
        (
            {"model.diffusion_model.a": [4, 4], "cond_stage_model.transformer.b": [900, 4]},
            ("checkpoint", "StableDiffusionPipeline"),
        ),
        (
            {"model.diffusion_model.a": [4, 4], "conditioner.embedders.1.model.b": [900, 4]},
            ("checkpoint", "StableDiffusionXLPipeline"),
        ),
        ({"model.diffusion_model.double_blocks.0.a": [900, 4]}, ("checkpoint", "FluxPipeline")),
        ({"some.thing": [900, 900]}, ("checkpoint", None)),
    ],
)
def test_a_file_is_known_by_its_tensors(tmp_path, tensors, kind):
    assert kind_of(weights(tmp_path / "any name.safetensors", tensors)) == kind
