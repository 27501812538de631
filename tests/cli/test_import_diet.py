"""Commands load only what they need: listing costs little more than SQLAlchemy and click, help loads no database."""

import json
import subprocess
import sys

import pytest

from seedbank.api import Library
from tests.pictured import add

SCRIPT = """
import json, sys
from seedbank.__main__ import run
code = run(sys.argv[1:])
loaded = {name.split(".")[0] for name in sys.modules} | {name for name in sys.modules if name.startswith("seedbank.")}
print(json.dumps([code, sorted(loaded)]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], {"sqlalchemy", "torch", "diffusers", "PIL", "numpy", "fsspec", "alembic", "tqdm"}),
        (["ls"], {"torch", "diffusers", "transformers", "PIL", "numpy", "fsspec", "alembic", "pydantic", "rich", "tqdm"}),
        (["ls"], {"seedbank.store.tables", "seedbank.engine.process", "lark"}),
        (["ls", "--json", "tag:poster"], {"torch", "diffusers", "PIL", "numpy", "alembic"}),
    ],
)
def test_a_command_does_not_load_what_it_does_not_need(seedbank, arguments, absent):
    with Library.open(seedbank.bank, user="ann") as bank:  # of an empty one `ls` says why it is
        add(bank, 1, ["poster"])
    command = [sys.executable, "-c", SCRIPT, "--bank", str(seedbank.bank), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=seedbank.environ, timeout=120)
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    assert not absent & set(loaded)
