"""Look for inputs that break a reader, guided by the code that they reach: `python -m tests.fuzz.readers --seconds 300`.

It needs atheris (`pip install 'seedbank-images[fuzz]'`). What it finds is written to a file, to be given again as an argument:
`python -m tests.fuzz.readers FILE`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

LARGEST = 65536
"""Bytes of an input; the metadata of a longer file stands in its beginning."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--samples", type=Path, help="a folder of files to begin with, beside those made up here")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--found", type=Path, default=Path(tempfile.gettempdir()), help="where an input that breaks one is kept"
    )
    parser.add_argument("inputs", nargs="*", type=Path, help="inputs to try again, instead of looking for new ones")
    given = parser.parse_args()
    try:
        import atheris
    except ImportError:
        raise SystemExit("atheris is missing. Install it: pip install 'seedbank-images[fuzz]'") from None
    with atheris.instrument_imports(include=["seedbank.formats", "seedbank.infotext", "seedbank.importing", "seedbank.worker"]):
        from tests.fuzz import checking
    from tests.fuzz.mutating import mutated

    if given.inputs:
        for path in given.inputs:
            checking.check(path.read_bytes())
            print(f"{path}: nothing is wrong with it")
        return
    files = sorted(path for path in given.samples.rglob("*") if path.is_file()) if given.samples else []
    samples = [*checking.seeds(), *(bytes([checking.FILE]) + path.read_bytes()[: LARGEST - 1] for path in files)]

    def mutator(data: bytes, largest: int, seed: int) -> bytes:
        chance = random.Random(seed)
        return bytes(atheris.Mutate(data, largest)) if chance.random() < 0.3 else mutated(data, samples, chance, largest)

    with tempfile.TemporaryDirectory() as folder:
        for number, sample in enumerate(samples):
            (Path(folder) / f"{number:03d}").write_bytes(sample)
        options = [
            f"-max_total_time={given.seconds}",
            f"-artifact_prefix={given.found}/readers-",
            f"-seed={given.seed}",
            *(f"-max_len={LARGEST}", "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-timeout=60", "-print_final_stats=1"),
        ]
        atheris.Setup([sys.argv[0], *options, folder], checking.check, custom_mutator=mutator)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
