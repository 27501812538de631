"""What comes into a bank and what leaves it: weights, pictures of other tools, recipes as text, pages, bundles.

Everything here hands over; what it means stands in `importing/`, `exchange/`, `keeping.py` and `pages/`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.catalogue import Catalogue
from seedbank.engine.source import cache_folder, made
from seedbank.progress import QUIET, Progress

if TYPE_CHECKING:
    from seedbank.check import Finding
    from seedbank.exchange.bundle.leaving import Left
    from seedbank.exchange.pictures import Exported
    from seedbank.exchange.received import Received
    from seedbank.importing.adding import Added, Named
    from seedbank.importing.options import Report
    from seedbank.readable import One, Which
    from seedbank.records import Came, Entry, ModelUse

SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
}


class Interchange(Catalogue):
    """A `Catalogue` that pictures, recipes and weights come into, and leave in forms that others read."""

    # -- weights ------------------------------------------------------------------------------------------------------

    def models(self) -> list[ModelUse]:
        """Every model and adapter of the bank: how many entries need it, whether it is kept here, where it was last seen."""
        from seedbank.keeping import models

        return models(self)

    def keep_models(self, which: str, progress: Progress = QUIET) -> list[ModelUse]:
        """Copy the weights that `which` names (a model, or entries made with it) into the image store."""
        from seedbank.keeping import keep, named_models

        return list(keep(self, named_models(self, which), progress))

    def add_models(
        self, *places: str | Path, configs: Sequence[str | Path] = (), progress: Progress = QUIET
    ) -> Iterator[Added]:
        """Hash the weights in files and folders, so that what imported files name is found; see `seedbank.importing.adding`.

        `configs` are pipeline folders for checkpoints in single files, one for each family.
        """
        from seedbank.importing.adding import add_models

        yield from add_models(self, places, configs, progress)

    def named_weights(self) -> list[Named]:
        """The weights that imported files name, and what they are here."""
        from seedbank.importing.adding import named_weights

        return named_weights(self)

    def check_parts(self, entry: Entry) -> list[tuple[str, bool, str]]:
        """(what it is, whether it is here, where or what it is known by) of all that a regeneration of the entry needs."""
        from seedbank.importing.again import check_parts

        return check_parts(self, entry)

    def lacks(self, entry: Entry) -> list[str]:
        """What the entry lacks to be rebuilt today, one sentence each; `seedbank.keeping.Lacks` asks for many."""
        from seedbank.keeping import Lacks

        return Lacks(self)(entry)

    def check(self, *, read_data: bool = False) -> Iterable[Finding]:
        """What is not whole in this bank; nothing is repaired."""
        from seedbank.check import check

        return check(self, read_data=read_data)

    # -- what other tools made ----------------------------------------------------------------------------------------

    def importing(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        tool: str | None = None,
        tags: Sequence[str] = (),
        copy: bool = True,
        metadata_only: bool = False,
        dry_run: bool = False,
        jobs: int | None = None,
        name: str | None = None,
        retry: bool = False,
        mend: bool = False,
        progress: Progress = QUIET,
    ) -> Iterator[Report]:
        """Import pictures and folders of pictures; a report for each file once it is kept.

        tool            the only format to try, by default all
        copy            keep the bytes in the image store; else they stay where they are, and only there
        metadata_only   decode nothing: entries get their pictures when the files are imported again without this
        dry_run         change nothing
        jobs            processes that decode, by default one for each core
        name            of the run; by default an import of the same paths that was interrupted is resumed
        retry           also files that were rejected before and have not changed since
        mend            look at what the image store keeps of known files; what it has lost or holds damaged is stored again,
                        and what an older seedbank did not keep of their words is taken from the texts that it kept

        What is wrong with a file is in its report. `undo` puts all entries of an import into the trash.
        """
        from seedbank.importing.once import import_files
        from seedbank.importing.options import Options
        from seedbank.store.opinions import checked_tags

        options = Options(tool, checked_tags(tags), copy, metadata_only, dry_run, jobs, name, retry, mend)
        yield from import_files(self, _several(paths), options, progress)

    def watching(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        progress: Progress = QUIET,
        stop: threading.Event | None = None,
        **options: Any,
    ) -> Iterator[Report]:
        """As `importing`, and then whatever is written to these folders until `stop` is set, or Ctrl-C is pressed.

        A file is imported when nothing has been written to it for a while.
        """
        from seedbank.importing.options import Options
        from seedbank.importing.watch import watch
        from seedbank.store.opinions import checked_tags

        options["tags"] = checked_tags(options.get("tags", ()))
        yield from watch(self, _several(paths), Options(**options), progress, stop)

    # -- pictures and text --------------------------------------------------------------------------------------------

    def path(self, entry: One) -> str | None:
        """The local file that holds the entry's image; None when it is not here or lies in an object store."""
        entry = self._known(entry)
        if entry.blob is None:
            return None
        if (location := entry.blob.location) is not None:
            return location if Path(location).exists() else None
        found = self.blobs.path(entry.blob.digest)
        return None if found is None else str(found)

    def whereabouts(self, entry: Entry) -> str:
        """Where the entry's image is, for people: its file, its address in an object store, or that it is not here."""
        if entry.blob is None:
            return "not here"
        if (location := entry.blob.location) is not None:
            return f"{location}   where it was imported from" + ("" if self.path(entry) else ", but is no longer")
        return self.path(entry) or f"{entry.blob.digest} in {self.blobs.url}"

    def local_copy(self, entry: Entry) -> Path:
        """A verified copy with a suffix that an image viewer understands, in the user's cache folder."""
        data = self.image_bytes(entry)
        assert entry.blob is not None
        folder = made(cache_folder() / "open")
        path = folder / f"{entry.id}-{entry.blob.digest[:12]}{SUFFIXES.get(entry.blob.media_type, '')}"
        path.write_bytes(data)
        return path

    def page(self, entries: Sequence[Entry], title: str = "", progress: Progress = QUIET) -> str:
        """One self-contained HTML page of the entries, 1,000 at most."""
        from seedbank.exchange.texts import Texts
        from seedbank.pages import gallery

        return gallery(self, entries, Texts(self), title, progress)

    def recipe_text(self, entry: One, form: str = "block", lang: str | None = None) -> str:
        """The recipe as text that `receive` reads: `block`, `a1111`, `json`, `comfyui` or `script`.

        It carries the digests of recipe, image and model, so that the picture can be checked elsewhere. `lang` is the
        language of the block, `en` or `zh`; by default that of the locale.
        """
        from seedbank.exchange.texts import Texts

        return Texts(self, lang)(self._known(entry), form)

    def sends_graph_of_file(self, entry: Entry, form: str) -> bool:
        """Whether the text of the entry in this form is the graph of its file, with all that another tool wrote into it."""
        from seedbank.exchange.texts import COMFYUI, graph_of_file

        return form == COMFYUI and bool(graph_of_file(self, entry))

    def files_beside(self, entry: Entry, form: str, stem: str = "recipe") -> list[tuple[str, bytes | None, str]]:
        """(file name, bytes, SHA-256) of the inputs that a script or a ComfyUI prompt of the entry names; no bytes where the
        bank does not hold them. `stem` is the name of the script without its suffix."""
        from seedbank.exchange.texts import files_beside

        return list(files_beside(self, entry, form, stem))

    def files_to_name(self, entry: Entry) -> list[str]:
        """What the script of the entry is told on its command line: ``["--model", "/models/sdxl", "--adapter", …]``."""
        from seedbank.exchange.texts import files_to_name

        return files_to_name(self, entry)

    def receive(
        self, text: str | Received, *, tags: Sequence[str] = (), say: Callable[[str], None] = lambda remark: None
    ) -> Entry:
        """Record the recipe in a text, without its image: a regeneration renders it and checks it against the digest that
        travelled. The same text again gives the same entry. `say` gets what the user should know."""
        from seedbank.exchange.receive import receive
        from seedbank.exchange.received import accept

        received = receive(text) if isinstance(text, str) else text
        entry, new = accept(self, received, tags)
        for remark in received.remarks if new else (*received.remarks, f"Entry {entry.id} has this recipe already."):
            say(remark)
        return entry

    # -- bundles ------------------------------------------------------------------------------------------------------

    def export_bundle(
        self,
        which: Which,
        path: str | Path,
        *,
        privacy: str = "none",
        strip: Sequence[str] = (),
        weights: bool = False,
        pictures: bool = True,
        replace: bool = False,
        progress: Progress = QUIET,
    ) -> Left:
        """Write entries with all that belongs to them into one file, which `import_bundle` takes into another bank.

        which      "" for all entries, and then the saved searches too
        privacy    `none`, `share` (no paths, no users) or `public` (also no prompts); `strip` names single ones of them
        weights    also the files of models and adapters
        pictures   else the records alone, with the digests that their pictures must have
        replace    write it over a file that is there, which is refused otherwise
        """
        from seedbank.exchange.bundle.leaving import checked_without, export_bundle

        without = checked_without(privacy, strip)
        ids = self._exported(which)
        return export_bundle(
            self,
            ids,
            Path(path),
            without=without,
            weights=weights,
            pictures=pictures,
            searches=which == "",
            replace=replace,
            progress=progress,
        )

    def _exported(self, which: Which) -> list[int]:
        return list(self.store.ids()) if which == "" else self.resolve(which)

    def import_bundle(self, path: str | Path, *, trust: bool = False, progress: Progress = QUIET) -> Came:
        """Take in a bundle: entries keep their uids, what is here already stays, of opinions the latest word counts.

        Every file is verified first. `trust`: also environments with variables that could make a process run other programs.
        Raises `BadInput` for what is damaged or no bundle; then nothing has come in.
        """
        from seedbank.exchange.bundle.arriving import import_bundle

        return import_bundle(self, Path(path), trust=trust, progress=progress)

    def exporting_images(
        self,
        which: Which,
        folder: str | Path,
        *,
        name: str | None = None,
        metadata: Sequence[str] | None = None,
        progress: Progress = QUIET,
    ) -> Iterator[Exported]:
        """Write the pictures of entries into a folder, each under the name that the format `name` makes.

        metadata   None keeps the files byte for byte; else only these of `a1111` and `seedbank` stand in them, or nothing
        """
        from seedbank.exchange.pictures import DEFAULT_NAME, export_images

        yield from export_images(
            self, self._exported(which), Path(folder), name=DEFAULT_NAME if name is None else name, metadata=metadata,
            progress=progress,
        )  # fmt: skip


def _several(paths: str | Path | Sequence[str | Path]) -> Sequence[str | Path]:
    """The paths; a single text is one path, not its letters."""
    return [paths] if isinstance(paths, str | Path) else paths
