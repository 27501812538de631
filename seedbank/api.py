"""The Python API: a bank that can also render. The command line and the pages are thin faces over `Library`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from seedbank.catalogue import Catalogue
from seedbank.engine.source import cache_folder
from seedbank.errors import NotFound
from seedbank.progress import QUIET, Progress
from seedbank.recipe import AS_IS
from seedbank.records import Entry, ModelUse

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from numpy.typing import NDArray

    from seedbank.bank import Pixels
    from seedbank.blobs import Blobs
    from seedbank.check import Finding
    from seedbank.engine.process import Engine
    from seedbank.environment import Environment
    from seedbank.exchange.bundle.leaving import Left
    from seedbank.exchange.pictures import Exported
    from seedbank.exchange.receive import Received
    from seedbank.explore.blend import Plan as BlendPlan
    from seedbank.explore.blend import Shown
    from seedbank.explore.comparing import Comparison
    from seedbank.explore.latents import Like
    from seedbank.explore.sweep import Sweep
    from seedbank.importing.adding import Added, Named
    from seedbank.importing.options import Report
    from seedbank.recording.block import Report as BlockReport
    from seedbank.recording.capture import Recorded
    from seedbank.records import Came
    from seedbank.regen import Options, Outcome, Tolerance
    from seedbank.regen.bench import Bench
    from seedbank.store import Store

T = TypeVar("T")
_starting = threading.Lock()
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
}


class Library(Catalogue):
    """A `Catalogue` with the services: generate, record, regenerate, check, pages."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        super().__init__(store, blobs)
        store.tell_gone(self._gone)

    def _gone(self) -> set[str]:
        from seedbank.keeping import gone

        return gone(self)

    _engine: Engine | None = None
    _bench: Bench | None = None
    _engine_key: tuple[str, str] | None = None
    _recorder: ThreadPoolExecutor | None = None

    def close(self) -> None:
        if self._recorder is not None:
            self._recorder.shutdown(wait=True)
            self._recorder = None
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        if self._bench is not None:
            self._bench.close()
            self._bench = None
        super().close()

    # -- rendering ----------------------------------------------------------------------------------------------------

    def engine(self, device: str = "auto", mode: str = AS_IS) -> Engine:
        """The render process of this bank, started when it is first needed and kept until `close`."""
        from seedbank.engine.process import Engine

        if self._engine is None or self._engine_key != (device, mode):
            if self._engine is not None:
                self._engine.close()
            self._engine, self._engine_key = Engine(device=device, mode=mode), (device, mode)
        return self._engine

    @property
    def bench(self) -> Bench:
        """Render processes with recorded settings put back, for what follows an entry; kept until `close`."""
        from seedbank.keeping import kept_folder
        from seedbank.regen.bench import Bench

        if self._bench is None:
            self._bench = Bench(partial(kept_folder, self))
        return self._bench

    def generate(self, prompt: str, **options: Any) -> list[Entry]:
        """Render `prompt` and record every image; the options are those of `generating`."""
        return list(self.generating(prompt, **options))

    def generating(
        self,
        prompt: str,
        *,
        negative: str | None = None,
        seed: int = -1,
        n: int = 1,
        steps: int | None = None,
        guidance: float | None = None,
        cfg: float | None = None,
        width: int | None = None,
        height: int | None = None,
        arguments: Mapping[str, Any] | None = None,
        model: str = "embedded",
        model_config: str | None = None,
        revision: str | None = None,
        variant: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        mode: str = AS_IS,
        noise: str = "torch-cpu",
        variation_seed: int | None = None,
        variation_strength: float | None = None,
        variation_form: str | None = None,
        ensd: int | None = None,
        tags: Sequence[str] = (),
        variant_of: int | str | None = None,
        say: Callable[[str], None] = lambda remark: None,
        progress: Progress = QUIET,
        **extras: Any,
    ) -> Iterator[Entry]:
        """Render `prompt` and yield each entry as soon as it is recorded.

        seed        0 to 2^64 - 1, or -1 to draw a fresh one; image k of `n` gets seed + k
        guidance    the pipeline's own `guidance_scale`; or `cfg`, the form that other tools write
        arguments   any other argument of the pipeline call, by its own name
        model       `embedded`, a hub name, a folder, or a `.safetensors` file with `model_config`
        noise       the kind of noise: `torch-cpu`, `seedbank-v1`, `a1111-nv` or `torch-cuda`; see docs/noise.md
        variation_… noise between that of `seed` and that of a second one; image k of `n` then gets variation seed + k
        say         gets what the user should know before rendering starts
        extras      pictures, adapters, sampler, refiner: the fields of `seedbank.recording.extras.Extras`, such as
                    `image`, `mask`, `strength`, `loras`, `controlnet`, `control_image`, `sampler`, `clip_skip`

        Raises `BadInput` for what the pipeline would crop, refuse or ignore, `Blocked` when the model is not to be had.
        """
        from seedbank.recording.extras import Extras
        from seedbank.recording.generate import ModelChoice, generate
        from seedbank.recording.noise import NoiseChoice
        from seedbank.recording.request import Request

        chosen = NoiseChoice(noise, variation_seed, variation_strength, variation_form, ensd)
        request = Request(prompt, negative, seed, n, steps, guidance, cfg, width, height, mode, dict(arguments or {}), chosen)
        choice = ModelChoice(model, revision, variant, model_config, dtype)
        parent = None if variant_of is None else self.entry(variant_of)
        yield from generate(
            self,
            request,
            self.engine(device, mode),
            choice,
            Extras(**extras),
            tags=tags,
            parent=parent,
            say=say,
            progress=progress,
        )

    def generating_from(
        self,
        source: Entry | Received | str,
        *,
        say: Callable[[str], None] = lambda remark: None,
        **options: Any,
    ) -> Iterator[Entry]:
        """Render what an entry or a received text asks for (a text is received first) and record it.

        `options` are those of `generating`, and `prompt`; they count where both say something. What neither says is as the
        model recommends, which `say` hears; and whether the image is the one whose digest travelled.

        Raises `BadInput` for a text that names no model, unless one is given.
        """
        from seedbank.exchange.asked import asked
        from seedbank.exchange.receive import receive

        wanted = asked(self, receive(source) if isinstance(source, str) else source, options)
        for remark in wanted.remarks:
            say(remark)
        for entry in self.generating(wanted.prompt, **wanted.options, say=say):
            yield entry
            if judged := wanted.judged(entry):
                say(judged)

    # -- between entries ----------------------------------------------------------------------------------------------

    def plan_blend(
        self,
        which: int | str | Sequence[int],
        *,
        frames: int = 24,
        curve: str = "slerp",
        also_prompt: bool = False,
        loop: bool | None = None,
    ) -> BlendPlan:
        """The pictures between the entries that `which` names, from each to the next; nothing is rendered yet.

        frames       from one entry to the next, both included
        curve        how the noise goes: `slerp`, on the great circle, or `lerp`, straight
        also_prompt  blend the texts too; else the text is that of the entry before
        loop         back to the first entry; None: when there are more than two

        Raises `BadInput` for entries that differ in anything but noise and texts; `plan.remarks` say what to expect.
        """
        from seedbank.explore.blend import plan_blend

        return plan_blend(self.store.entries(self.resolve(which)), frames, curve, also_prompt, loop)

    def blending(
        self,
        plan: BlendPlan,
        *,
        tags: Sequence[str] = (),
        collection: str | None = None,
        device: str | None = None,
        progress: Progress = QUIET,
    ) -> Iterator[Shown]:
        """Render what a plan has and the bank has not, and yield every frame in order; the same plan again resumes.

        With a `collection` the frames are put into it when all are there.
        """
        from seedbank.explore.blend import gather, render_blend

        ids = []
        for shown in render_blend(self, plan, tags=tags, device=device, progress=progress):
            ids.append(shown.entry.id)
            yield shown
        if collection is not None:
            gather(self, collection, ids)

    def film(self, plan: BlendPlan, shown: Sequence[Shown], fps: float = 12) -> tuple[bytes, bytes]:
        """(PNG file with the frames as a strip, animated WebP file) of the frames that `blending` gave."""
        from seedbank.explore.blend import film

        return film(self, plan, shown, fps)

    def compare(self, which: int | str | Sequence[int]) -> Comparison:
        """The entries that `which` names against the first of them: recipes, traces, pictures.

        `.others` have the numbers; `.sheet()`, `.flicker()` and `.flip_sheet(.flips())` are files.
        """
        from seedbank.explore.comparing import compare_entries

        return compare_entries(self, self.resolve(which))

    def noise_of(self, like: Like) -> NDArray[Any]:
        """The noise that the picture of an entry or a recipe is made of, as the pipeline draws it; float32.

        Most often of the shape ``(1, channels, height // factor, width // factor)``.
        """
        from seedbank.explore.latents import noise_of

        return noise_of(self, like)

    def latents_of(self, like: Like, step: int = -1) -> NDArray[Any]:
        """The latents of an entry or a recipe after a denoising step, 0 the first and -1 the last; float32.

        They have the shape in which the pipeline holds them, which for FLUX is ``(1, tokens, 64)``.
        """
        from seedbank.explore.latents import latents_of

        return latents_of(self, like, step)

    def decode_latents(self, latents: NDArray[Any], like: Like) -> Pixels:
        """The picture that the pipeline of `like` makes of final latents; `add` takes it, `Pixels.rows` are its bytes."""
        from seedbank.explore.latents import decode

        return decode(self, latents, like)

    def record(self, pipe: Any, *, tags: Sequence[str] = (), **call: Any) -> Recorded:
        """Run the user's own loaded pipeline as ``pipe(**call)`` and record the call whole.

        Gives a `Recorded`: `.result` is what the pipeline returned, unchanged; `.entries`, one per image, waits until
        they are stored, which goes on beside the next rendering. What keeps an image from being regenerated (no source
        folder, a used generator, fused weights …) is stored with the entry.
        """
        from seedbank.recording.capture import record_call

        return record_call(self, pipe, (), call, self._later, tags)

    def recording(self, *, tags: Sequence[str] = ()) -> AbstractContextManager[BlockReport]:
        """Record every diffusers pipeline call of a ``with`` block, whatever the pipelines, and change nothing else.

            with bank.recording(tags=["mine"]) as report:
                image = pipe("a red circle").images[0]
            report.entries, report.gaps

        Everything is stored when the block ends. A call that could not be recorded whole costs no image: it becomes a
        warning (`RecordingGap`) and a sentence in `report.gaps`. Of nested blocks the innermost records; threads that
        opened no block of their own are recorded by the block opened last.
        """
        from seedbank.recording.block import recording

        return recording(self, self._later, tags)

    def _later(self, act: Callable[[], T]) -> Future[T]:
        """Run `act` in the one thread that stores recorded calls, after those before it."""
        from concurrent.futures import ThreadPoolExecutor

        with _starting:
            if self._recorder is None:
                self._recorder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seedbank-record")
            return self._recorder.submit(act)

    def regen(
        self, which: int | str | Sequence[int], options: Options | None = None, progress: Progress = QUIET
    ) -> list[Outcome]:
        """Rebuild the entries that `which` names and check each against its recorded digest."""
        return list(self.regenerating(self.resolve(which), options, progress))

    def regenerating(self, ids: Sequence[int], options: Options | None = None, progress: Progress = QUIET) -> Iterator[Outcome]:
        """As `regen`, one outcome at a time, each stored before it is yielded."""
        from seedbank.importing.again import Translator
        from seedbank.regen import regenerate

        yield from regenerate(self, ids, options, progress, translate=Translator(self))

    def regenerating_via(
        self, ids: Sequence[int], via: str, tolerance: Tolerance | None = None, progress: Progress = QUIET
    ) -> Iterator[Outcome]:
        """As `regenerating`, in the tool that made the entries, on the user's own server: ``comfyui=http://127.0.0.1:8188``.

        Raises `BadInput` for what is no tool and URL, `Blocked` when no such server answers.
        """
        from seedbank.exchange.via import Via, regenerate_via

        yield from regenerate_via(self, ids, Via.parse(via), tolerance, progress)

    # -- exploring ----------------------------------------------------------------------------------------------------

    def sweeping(self, prompt: str | None = None, **options: Any) -> Sweep:
        """A sweep that was planned and can begin; iterating over it renders. See `seedbank.explore.starting.open_sweep`.

        with bank.sweeping("a red circle", axes=["steps=4,8,16"], seeds="1..10") as sweep:
            print(sweep.plan)
            for cell in sweep:
                ...
        """
        from seedbank.explore.starting import open_sweep

        return open_sweep(self, prompt, **options)

    def varying(self, which: int | str, **changes: Any) -> Iterator[Entry]:
        """Render variants of an entry: some things changed, everything else kept. See `seedbank.explore.vary.vary`."""
        from seedbank.explore.vary import vary

        yield from vary(self, which, **changes)

    def vary(self, which: int | str, **changes: Any) -> list[Entry]:
        """As `varying`, all at once."""
        return list(self.varying(which, **changes))

    def variant_sheet(self, which: int | str, variants: Sequence[Entry]) -> bytes:
        """A PNG file of an entry and its variants, each with what was changed."""
        from seedbank.explore.sheets import variant_sheet

        return variant_sheet(self, self.entry(which), variants)

    def environment(self, which: int | str = "now") -> Environment:
        """The environment of an entry (WHICH names one), one by the beginning of its digest, or that of `now`."""
        if which == "now":
            return self.engine().environment
        if re.fullmatch(r"(?!\d+$)[0-9a-f]{6,64}", str(which)):
            try:
                return self.store.environment(str(which))
            except NotFound:
                pass  # the beginning of an image or recipe digest, then
        entry = self.entry(which)
        if entry.environment_digest is None:
            raise NotFound(f"Of entry {entry.id} no environment is known.", "It was not rendered here.")
        return self.store.environment(entry.environment_digest)

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
        paths: Sequence[str | Path],
        *,
        tool: str | None = None,
        tags: Sequence[str] = (),
        copy: bool = True,
        metadata_only: bool = False,
        dry_run: bool = False,
        jobs: int | None = None,
        name: str | None = None,
        progress: Progress = QUIET,
    ) -> Iterator[Report]:
        """Import pictures and folders of pictures; a report for each file once it is kept.

        tool            the only format to try, by default all
        copy            keep the bytes in the image store; else they stay where they are, and only there
        metadata_only   decode nothing: entries get their pictures when the files are imported again without this
        dry_run         change nothing
        jobs            processes that decode, by default one for each core
        name            of the run; by default an import of the same paths that was interrupted is resumed

        What is wrong with a file is in its report. `undo` puts all entries of an import into the trash.
        """
        from seedbank.importing.options import Options
        from seedbank.importing.service import import_files

        options = Options(tool, tuple(tags), copy, metadata_only, dry_run, jobs, name)
        yield from import_files(self, paths, options, progress)

    def watching(
        self, paths: Sequence[str | Path], *, progress: Progress = QUIET, stop: threading.Event | None = None, **options: Any
    ) -> Iterator[Report]:
        """As `importing`, and then whatever is written to these folders until `stop` is set, or Ctrl-C is pressed.

        A file is imported when nothing has been written to it for a while.
        """
        from seedbank.importing.options import Options
        from seedbank.importing.watch import watch

        options["tags"] = tuple(options.get("tags", ()))
        yield from watch(self, paths, Options(**options), progress, stop)

    # -- pictures and text --------------------------------------------------------------------------------------------

    def path(self, entry: Entry) -> str | None:
        """The local file that holds the entry's image; None when it is not here or lies in an object store."""
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
        folder = cache_folder() / "open"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{entry.id}-{entry.blob.digest[:12]}{SUFFIXES.get(entry.blob.media_type, '')}"
        path.write_bytes(data)
        return path

    def page(self, entries: Sequence[Entry], title: str = "", progress: Progress = QUIET) -> str:
        """One self-contained HTML page of the entries, 1,000 at most."""
        from seedbank.exchange.texts import Texts
        from seedbank.pages import gallery

        return gallery(self, entries, Texts(self), title, progress)

    def recipe_text(self, entry: Entry, form: str = "block", lang: str | None = None) -> str:
        """The recipe as text that `receive` reads: `block`, `a1111`, `json`, `comfyui` or `script`.

        It carries the digests of recipe, image and model, so that the picture can be checked elsewhere. `lang` is the
        language of the block, `en` or `zh`; by default that of the locale.
        """
        from seedbank.exchange.texts import Texts

        return Texts(self, lang)(entry, form)

    def receive(
        self, text: str | Received, *, tags: Sequence[str] = (), say: Callable[[str], None] = lambda remark: None
    ) -> Entry:
        """Record the recipe in a text, without its image: a regeneration renders it and checks it against the digest that
        travelled. The same text again gives the same entry. `say` gets what the user should know."""
        from seedbank.exchange.receive import accept, receive

        received = receive(text) if isinstance(text, str) else text
        entry, new = accept(self, received, tags)
        for remark in received.remarks if new else (*received.remarks, f"Entry {entry.id} has this recipe already."):
            say(remark)
        return entry

    # -- bundles ------------------------------------------------------------------------------------------------------

    def export_bundle(
        self,
        which: int | str | Sequence[int],
        path: str | Path,
        *,
        privacy: str = "none",
        strip: Sequence[str] = (),
        weights: bool = False,
        pictures: bool = True,
        progress: Progress = QUIET,
    ) -> Left:
        """Write entries with all that belongs to them into one file, which `import_bundle` takes into another bank.

        which      "" for all entries
        privacy    `none`, `share` (no paths, no users) or `public` (also no prompts); `strip` names single ones of them
        weights    also the files of models and adapters
        pictures   else the records alone, with the digests that their pictures must have
        """
        from seedbank.exchange.bundle.leaving import checked_without, export_bundle

        without = checked_without(privacy, strip)
        ids = self._exported(which)
        return export_bundle(self, ids, Path(path), without=without, weights=weights, pictures=pictures, progress=progress)

    def _exported(self, which: int | str | Sequence[int]) -> list[int]:
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
        which: int | str | Sequence[int],
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
