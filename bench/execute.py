"""Executes a notebook and measures it: wall time and the peak resident memory of its kernel.

    python bench/execute.py notebooks/03_vae.ipynb                     measures, changes nothing
    python bench/execute.py WORK.ipynb --folder notebooks --save       keeps the outputs in WORK.ipynb

`python course.py notebooks` builds notebooks with it, and `bench/run.py` takes its rows from `execute`.
"""

import argparse
import atexit
import base64
import io
import pathlib
import subprocess
import sys
import threading
import time

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from PIL import Image

SLOW = 10.0  # seconds: cells above this are listed


def resident(pid):
    """Adds up the resident memory of a process and its children, in bytes."""
    total = 0
    try:
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.Error:
        pass  # it has just ended
    return total


class Meter(threading.Thread):
    """Watches the kernel of a client and keeps its largest memory, in bytes."""

    def __init__(self, client, interval=0.1):
        super().__init__(daemon=True)
        self.client, self.interval, self.peak, self.done = client, interval, 0, threading.Event()

    def run(self):
        """Samples until `done` is set."""
        while not self.done.wait(self.interval):
            pid = getattr(getattr(self.client.km, "provisioner", None), "pid", None)
            if pid:
                self.peak = max(self.peak, resident(pid))


def execute(notebook, folder):
    """Executes a notebook in place, in `folder`, with the kernel of this Python.

    Gives (seconds, peak MiB, [(cell, seconds), ...]); cells are numbered as in their execution counts.
    Raises nbclient's CellExecutionError when a cell fails, DeadKernelError when the kernel dies or does not start.
    """
    cells, started = [], {}

    def begin(cell, cell_index):
        started[cell_index] = time.perf_counter()

    def end(cell, cell_index, execute_reply):
        cells.append((len(cells) + 1, time.perf_counter() - started[cell_index]))

    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=True,
        resources={"metadata": {"path": str(folder)}},
        on_cell_execute=begin,
        on_cell_executed=end,
    )
    meter, start = Meter(client), time.perf_counter()
    meter.start()
    try:
        client.execute(stderr=subprocess.DEVNULL)  # what TensorFlow's and the kernel's own code says is noise here
    except (AssertionError, RuntimeError) as error:  # nbclient stumbles while it cleans up after a kernel that is gone
        atexit.unregister(client._cleanup_kernel)  # ... and would stumble once more on the way out
        raise DeadKernelError(f"the kernel is gone: {error}") from error
    finally:
        meter.done.set()
        meter.join()
    return time.perf_counter() - start, meter.peak / 2**20, cells


def shrink_pictures(notebook):
    """Stores each PNG picture of a notebook and its widgets with a palette of 256 colours: half the size or less."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = with_palette_as_text(data["image/png"]) + "\n"
    states = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    for state in states.values():
        for buffer in state.get("buffers", []):
            if state["model_name"] == "ImageModel" and buffer["encoding"] == "base64":
                buffer["data"] = with_palette_as_text(buffer["data"])


def with_palette_as_text(png):
    """``with_palette`` for a PNG as notebooks keep it, in base64."""
    return base64.b64encode(with_palette(base64.b64decode(png))).decode()


def with_palette(png, colours=256):
    """Encodes a PNG again with a palette, if that makes it smaller; both are bytes. The eye sees no difference."""
    file, picture = io.BytesIO(), Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(colours, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return min(png, file.getvalue(), key=len)


def main():
    """Reads the command line; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, help="where the kernel runs; the notebook's own by default")
    parser.add_argument("--name", help="what to call it in the report")
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    notebook = nbformat.read(arguments.notebook, as_version=4)
    name = arguments.name or arguments.notebook.stem
    try:
        seconds, peak, cells = execute(notebook, arguments.folder or arguments.notebook.parent)
    except CellExecutionError as error:
        print(f"{name}: a cell failed\n{error}", file=sys.stderr)
        return 1
    except DeadKernelError:
        print(f"{name}: the kernel died or did not start; if memory ran out, close other programs", file=sys.stderr)
        return 1
    slow = ", ".join(f"[{number}] {spent:.0f} s" for number, spent in cells if spent > SLOW)
    print(
        f"{name}: {seconds:.1f} s, peak memory {peak:.0f} MiB" + (f"; slow cells: {slow}" if slow else ""), flush=True
    )
    if arguments.save:
        shrink_pictures(notebook)
        nbformat.write(notebook, arguments.notebook)
    return 0


if __name__ == "__main__":
    sys.exit(main())
