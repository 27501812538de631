"""A bank that renders: what makes pictures, records them and makes them again, as methods.

Everything here hands over; what it means stands in `engine/`, `recording/` and `regen/`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from seedbank.errors import NotFound
from seedbank.interchange import Interchange
from seedbank.progress import QUIET, Progress
from seedbank.recipe import AS_IS
from seedbank.records import Entry

if TYPE_CHECKING:
    from seedbank.blobs import Blobs
    from seedbank.engine.process import Engine
    from seedbank.environment import Environment
    from seedbank.exchange.received import Received
    from seedbank.readable import One, Which
    from seedbank.recording.block import Report
    from seedbank.recording.capture import Recorded
    from seedbank.recording.storing import Promised, Storing
    from seedbank.regen import Options, Outcome, Tolerance
    from seedbank.regen.bench import Bench
    from seedbank.store import Store

T = TypeVar("T")
_starting = threading.Lock()


class Studio(Interchange):
    """A bank with its render processes, which start when they are first needed and end with `close`."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        super().__init__(store, blobs)
        store.tell_gone(self._gone)

    def _gone(self) -> set[str]:
        from seedbank.keeping import gone

        return gone(self)

    _engine: Engine | None = None
    _bench: Bench | None = None
    _engine_key: tuple[str, str] | None = None
    _storing: Storing | None = None

    def close(self) -> None:
        storing, self._storing = self._storing, None
        if storing is not None:
            storing.close()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        if self._bench is not None:
            self._bench.close()
            self._bench = None
        super().close()
        if storing is not None:
            from seedbank.recording.gaps import SINGLE

            SINGLE.say()

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
        variant_of: One | None = None,
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
        self.require_writable()
        yield from generate(
            self,
            request,
            self.engine(device, mode),
            choice,
            Extras.of(extras),
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

    def record(self, pipe: Any, *args: Any, tags: Sequence[str] = (), **call: Any) -> Recorded:
        """Run the user's own loaded pipeline as ``pipe(*args, **call)`` and record the call whole.

        Gives a `Recorded`: `.result` is what the pipeline returned, unchanged; `.entries`, one per image, waits until
        they are stored, which goes on beside the next rendering. What keeps an image from being regenerated (no source
        folder, a used generator, fused weights …) is stored with the entry. What kept it from being stored is in `.gap`;
        where nobody asks for that, it becomes a warning (`RecordingGap`).
        """
        from seedbank.recording.capture import record_call
        from seedbank.recording.gaps import SINGLE

        self.store.database.require_writable()  # an image store that takes nothing is a gap, and costs no call
        recorded = record_call(self, pipe, args, call, self._later, tags)
        SINGLE.say_softly()
        SINGLE.add(type(pipe).__name__, recorded)
        return recorded

    def recording(self, *, tags: Sequence[str] = ()) -> AbstractContextManager[Report]:
        """Record every diffusers pipeline call of a ``with`` block, whatever the pipelines, and change nothing else.

            with bank.recording(tags=["mine"]) as report:
                image = pipe("a red circle").images[0]
            report.entries, report.gaps

        Everything is stored when the block ends. A call that could not be recorded whole costs no image: it becomes a
        sentence in `report.gaps`, and a warning (`RecordingGap`) where nobody asks for these. Of nested blocks the innermost
        records; threads and tasks of asyncio that opened no block of their own are recorded by the block opened last.
        """
        from seedbank.recording.block import recording

        self.store.database.require_writable()
        return recording(self, self._later, tags)

    def _later(self, act: Callable[[], T]) -> Promised[T]:
        """Run `act` in the one thread that stores recorded calls, after those before it."""
        from seedbank.recording.storing import Storing

        with _starting:
            if self._storing is None:
                self._storing = Storing()
        return self._storing.later(act)

    def regen(self, which: Which, options: Options | None = None, progress: Progress = QUIET) -> list[Outcome]:
        """Rebuild the entries that `which` names and check each against its recorded digest."""
        return list(self.regenerating(self.resolve(which), options, progress))

    def regenerating(self, ids: Sequence[int], options: Options | None = None, progress: Progress = QUIET) -> Iterator[Outcome]:
        """As `regen`, one outcome at a time, each stored before it is yielded."""
        from seedbank.importing.again import Translator
        from seedbank.regen import regenerate

        self.require_writable()
        yield from regenerate(self, ids, options, progress, translate=Translator(self))

    def regenerating_via(
        self, ids: Sequence[int], via: str, tolerance: Tolerance | None = None, progress: Progress = QUIET
    ) -> Iterator[Outcome]:
        """As `regenerating`, in the tool that made the entries, on the user's own server: ``comfyui=http://127.0.0.1:8188``.

        Raises `BadInput` for what is no tool and URL, `Blocked` when no such server answers.
        """
        from seedbank.exchange.via import Via, regenerate_via

        server = Via.parse(via)
        self.require_writable()
        yield from regenerate_via(self, ids, server, tolerance, progress)

    def environment(self, which: One = "now") -> Environment:
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
