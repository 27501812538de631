"""The Python API: a bank with everything. The command line and the pages are thin faces over `Library`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from seedbank.progress import QUIET, Progress
from seedbank.records import Entry
from seedbank.studio import Studio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seedbank.bank import Pixels
    from seedbank.explore.blend import Plan as BlendPlan
    from seedbank.explore.blend import Shown
    from seedbank.explore.comparing import Comparison
    from seedbank.explore.latents import Like
    from seedbank.explore.sweep import Sweep
    from seedbank.readable import One, Which


class Library(Studio):
    """A bank with everything: what explores from entries stands here, the rest in the classes below it."""

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

    def varying(self, which: One, **changes: Any) -> Iterator[Entry]:
        """Render variants of an entry: some things changed, everything else kept. See `seedbank.explore.vary.vary`."""
        from seedbank.explore.vary import vary

        yield from vary(self, which, **changes)

    def vary(self, which: One, **changes: Any) -> list[Entry]:
        """As `varying`, all at once."""
        return list(self.varying(which, **changes))

    def variant_sheet(self, which: One, variants: Sequence[Entry]) -> bytes:
        """A PNG file of an entry and its variants, each with what was changed."""
        from seedbank.explore.sheets import variant_sheet

        return variant_sheet(self, self.entry(which), variants)

    # -- between entries ----------------------------------------------------------------------------------------------

    def plan_blend(
        self,
        which: Which,
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
        from seedbank.explore.blend import render_blend

        yield from render_blend(self, plan, tags=tags, collection=collection, device=device, progress=progress)

    def film(self, plan: BlendPlan, shown: Sequence[Shown], fps: float = 12) -> tuple[bytes, bytes]:
        """(PNG file with the frames as a strip, animated WebP file) of the frames that `blending` gave."""
        from seedbank.explore.blend import film

        return film(self, plan, shown, fps)

    def compare(self, which: Which) -> Comparison:
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
