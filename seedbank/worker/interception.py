"""Every call of a diffusers pipeline in this process, handed to a handler while a block is open.

Pipelines are called through their class, so ``__call__`` is exchanged on every class that defines one: those that are known
when the first block opens and those that are imported later. When the last block closes everything is put back.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

Handler = Callable[[Any, tuple[Any, ...], dict[str, Any], Callable[[], Any]], Any]
"""``handler(pipe, args, kwargs, run)`` gives what the caller gets; ``run()`` makes the call itself."""

_lock = threading.RLock()
_open: list[Interception] = []
_exchanged: dict[type, tuple[Any, Any]] = {}
"""{class: (its own ``__call__``, ours)}."""


_own: ContextVar[tuple[Interception, ...]] = ContextVar("seedbank_blocks", default=())
"""Blocks that this thread, or this task of asyncio, has opened; some may have been closed elsewhere."""


class Interception:
    """Context manager: while it is open, `handler` gets the pipeline calls of its thread, or of its task of asyncio.

    Of nested blocks the innermost gets a call. Calls of threads and tasks that opened no block go to the block opened last.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __enter__(self) -> Interception:
        _own.set((*_own.get(), self))
        with _lock:
            if not _open:
                _exchange_all()
            _open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _own.set(tuple(block for block in _own.get() if block is not self))
        with _lock:
            _open.remove(self)
            if not _open:
                _put_back()


def _innermost() -> Interception | None:
    with _lock:
        own = [block for block in _own.get() if block in _open]
        blocks = own or _open
        return blocks[-1] if blocks else None


def _exchange_all() -> None:
    from diffusers import DiffusionPipeline

    def on_new_class(cls: type, /, **options: Any) -> None:
        super(DiffusionPipeline, cls).__init_subclass__(**options)
        with _lock:
            if _open:
                _exchange(cls)

    # diffusers imports a pipeline's class when it is asked for, perhaps inside the block.
    DiffusionPipeline.__init_subclass__ = classmethod(on_new_class)
    for cls in {DiffusionPipeline, *_subclasses(DiffusionPipeline)}:
        _exchange(cls)


def _put_back() -> None:
    from diffusers import DiffusionPipeline

    del DiffusionPipeline.__init_subclass__
    for cls, (original, ours) in _exchanged.items():
        if vars(cls).get("__call__") is ours:  # else somebody put their own in its place meanwhile, and it stays
            cls.__call__ = original  # type: ignore[method-assign]
    _exchanged.clear()


def _exchange(cls: type) -> None:
    original = vars(cls).get("__call__")
    if original is None or cls in _exchanged:
        return

    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        block = _innermost()
        if block is None:
            return original(self, *args, **kwargs)
        return block.handler(self, args, kwargs, lambda: original(self, *args, **kwargs))

    _exchanged[cls] = (original, call)
    cls.__call__ = call  # type: ignore[method-assign]


def _subclasses(cls: type) -> Iterator[type]:
    children: list[type] = cls.__subclasses__()
    for child in children:
        yield child
        yield from _subclasses(child)
