"""The render process.

It imports the standard library, torch, diffusers and what these bring, and nothing of seedbank, so that it also runs in
a Python environment where seedbank is not installed: there the driver (`seedbank.engine.process`) loads this folder as
the package ``seedbank_worker``. In a user's own process the same modules are `seedbank.worker.*`.

It knows no database and never sees the digests that it is expected to meet: it renders and reports.
"""
