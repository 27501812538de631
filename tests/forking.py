"""The program of a fork server: it imports what renders, and forks a process for each request. See `tests.forked`.

    python -c "$(cat tests/forking.py)" SOCKET WORKER

A request is one message on the socket with the descriptor number SOCKET: JSON {environ, cwd, folder}, and beside it the
descriptors of stdin, stdout, stderr and of a pipe on which the process id is told and, in the end, the exit code.
"""

import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys

PIPELINES = ("ZImagePipeline", "StableDiffusionPipeline", "StableDiffusionXLPipeline", "FluxPipeline")
LONGEST = 1 << 20


def imported(folder):
    """The worker's `main`, as `seedbank.engine.child.BOOTSTRAP` gets it, with the libraries and pipelines imported.

    No operation of torch runs here: threads do not survive a fork.
    """
    place = {"submodule_search_locations": [folder]}
    spec = importlib.util.spec_from_file_location("seedbank_worker", folder + "/__init__.py", **place)
    package = sys.modules["seedbank_worker"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    main = importlib.import_module("seedbank_worker.main")
    main.import_libraries()
    diffusers = importlib.import_module("diffusers")
    for name in PIPELINES:
        getattr(diffusers, name)
    gc.freeze()
    return main


def work(main, streams, environ, cwd, folder):
    """Be the render process: what `Popen` and a fresh interpreter would have set up, then its loop."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    main.main(folder)


def attend(main, streams, status, request):
    """Fork the render process, tell its id and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(status)
        work(main, streams, **request)
    for stream in streams:
        os.close(stream)
    os.write(status, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())


def serve(requests, main):
    """Until the tests are gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever attends to a process is waited for by nobody
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, LONGEST, 4)
        if not message:
            return
        if os.fork() == 0:
            try:
                requests.close()
                attend(main, descriptors[:3], descriptors[3], json.loads(message))
            finally:
                os._exit(1)
        for one in descriptors:
            os.close(one)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        serve(requests, imported(sys.argv[2]))
