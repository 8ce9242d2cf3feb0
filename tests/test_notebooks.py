"""The saved notebooks match their sources, hold no noise, and get set-up and badges from one place.

That they run is shown by `python course.py test`, which executes each of them under nbval.
"""

import base64
import importlib.util
import io
import json
import os
import re
import subprocess
import sys

import jupytext
import nbformat
import numpy as np
import pytest
from PIL import Image

import course

NAMES = list(course.sources())
WIDGET = "application/vnd.jupyter.widget"
MAX_BYTES = 500_000
MAX_CELL_LINES = 20
MACHINE = re.compile(
    r"(?<![\w/.:])/(?:home|root|Users|usr|tmp|opt|var|work|private|mnt|content)/[\w.-]+|\b[A-Z]:\\\\?\w+"
)
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
DIED = "small: the kernel died or did not start; if memory ran out, close other programs"
KEPT = ["--keep-output", "--keep-count", "--keep-id", "--keep-metadata-keys", "metadata.widgets"]
NOISE = "metadata.language_info.version metadata.jupytext cell.metadata.execution cell.metadata.scrolled"


def texts_of(output):
    """Lists the readable texts of an output; pictures are left out."""
    data = {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/p")}
    return [str(value) for value in [*data.values(), output.get("text", ""), *output.get("traceback", [])]]


def problems(notebook, size):
    """Says what is wrong with a saved notebook: a list of sentences, empty when all is well."""
    found = [] if size < MAX_BYTES else [f"{size} bytes, more than {MAX_BYTES}"]
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    counts = [cell["execution_count"] for cell in code if cell["source"]]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"the cells count {counts}, not 1, 2, 3, ...")
    state = (
        notebook["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    )
    for number, cell in enumerate(code, start=1):
        for output in cell["outputs"]:
            found += [f"cell [{number}] {problem}" for problem in output_problems(output, state)]
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        found.append("the kernel is not python3")
    return found


def output_problems(output, state):
    """Says what is wrong with one output of a cell."""
    found = []
    if output.get("name") == "stderr" or output["output_type"] == "error":
        found.append("has an error or prints to stderr")
    for text in texts_of(output):
        for pattern, name in ((MACHINE, "a path of one machine"), (ADDRESS, "an address in memory")):
            if pattern.search(text):
                found.append(f"shows {name}: {pattern.search(text).group()}")
    view = output.get("data", {}).get(f"{WIDGET}-view+json")
    if view and view["model_id"] not in state:
        found.append("has a widget whose state is not saved")
    return found


def comparable(notebook):
    """What a source and its notebook have in common: kind, text and tags of each cell."""
    return [(cell["cell_type"], cell["source"], cell["metadata"].get("tags", [])) for cell in notebook["cells"]]


def load(name):
    return nbformat.read(course.saved(name), as_version=4)


def test_there_are_notebooks_and_each_has_a_source():
    built = {path for folder in ("", "solutions") for path in (course.NOTEBOOKS / folder).glob("*.ipynb")}
    assert {course.saved(name) for name in NAMES} == built
    assert any(name.startswith("00_") for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_matches_its_source(name):
    source = jupytext.read(course.sources()[name])
    assert comparable(load(name)) == comparable(source), f"run: python course.py notebooks {name}"


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_clean(name):
    assert problems(load(name), course.saved(name).stat().st_size) == []


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_valid_and_saved_as_course_py_saves(name):
    nbformat.validate(load(name))
    text = course.read(course.saved(name))
    notebook = json.loads(text)
    built_from = notebook["metadata"]["gentutor"]
    cleaned = course.clean(json.loads(text), name)
    cleaned["metadata"]["gentutor"] = built_from
    assert cleaned == notebook
    assert text == json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def test_nbstripout_finds_no_noise():
    command = [sys.executable, "-m", "nbstripout", "--verify", *KEPT, "--extra-keys", NOISE]
    done = subprocess.run([*command, *map(str, map(course.saved, NAMES))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_short(name):
    long = [cell["source"] for cell in load(name)["cells"] if cell["source"].count("\n") >= MAX_CELL_LINES]
    assert [text for text in long if not text.startswith("#")] == []


@pytest.mark.parametrize("name", NAMES)
def test_setup_and_badges_come_from_the_one_place(name):
    text = course.read(course.sources()[name])
    assert course.link_source(text, name, *course.address()) == text, "run: python course.py links"
    first = next(cell for cell in load(name)["cells"] if cell["cell_type"] == "code")
    assert first["metadata"]["tags"] == ["setup"]


def test_badges_in_readme_come_from_the_one_place():
    text = course.read(course.ROOT / "README.md")
    assert course.link_readme(text, *course.address()) == text, "run: python course.py links"
    assert "<!-- badges course -->" in text


def clean_notebook():
    """A notebook with nothing wrong: one text cell and one code cell."""
    output = nbformat.v4.new_output("stream", name="stdout", text="0.5 nats, see https://example.org/home/x\n")
    cells = [nbformat.v4.new_markdown_cell("text"), nbformat.v4.new_code_cell("print(1)", execution_count=1)]
    cells[1]["outputs"] = [output]
    kernel = {"display_name": "Python 3", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def test_a_clean_notebook_has_no_problems():
    assert problems(clean_notebook(), 1000) == []
    assert problems(clean_notebook(), MAX_BYTES) != []


@pytest.mark.parametrize(
    ("output", "word"),
    [
        (nbformat.v4.new_output("stream", name="stderr", text="warning"), "stderr"),
        (nbformat.v4.new_output("error", ename="E", evalue="", traceback=[]), "error"),
        (nbformat.v4.new_output("stream", name="stdout", text="in /home/me/x.py"), "path"),
        (nbformat.v4.new_output("stream", name="stdout", text=r"in C:\Users\me"), "path"),
        (nbformat.v4.new_output("display_data", {"text/plain": "<Axes at 0x7f00aa11bb22>"}), "address"),
        (nbformat.v4.new_output("display_data", {"text/html": "<img src='/tmp/a.png'>"}), "path"),
        (
            nbformat.v4.new_output("display_data", {f"{WIDGET}-view+json": {"model_id": "a"}}),
            "widget",
        ),
    ],
)
def test_noise_is_found(output, word):
    notebook = clean_notebook()
    notebook["cells"][1]["outputs"] = [output]
    assert any(word in problem for problem in problems(notebook, 1000))


@pytest.mark.parametrize("count", [None, 2])
def test_wrong_counts_are_found(count):
    notebook = clean_notebook()
    notebook["cells"][1]["execution_count"] = count
    assert "count" in problems(notebook, 1000)[0]


@pytest.fixture(scope="module")
def execute():
    """The module bench/execute.py, which builds notebooks."""
    spec = importlib.util.spec_from_file_location("execute", course.ROOT / "bench" / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize("colours", [1, 3])
def test_pictures_are_stored_smaller_and_look_the_same(execute, colours):
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    shades = np.stack([np.roll(ramp, 40 * i) for i in range(colours)], axis=-1)
    pixels = np.broadcast_to(shades[:, None], (400, 300, colours)) // 4 * 4
    noisy = pixels + np.random.default_rng(0).integers(0, 3, pixels.shape, dtype=np.uint8)
    picture = as_png(noisy[..., 0] if colours == 1 else noisy)
    notebook = clean_notebook()
    data = {"image/png": base64.b64encode(picture).decode(), "text/plain": "a figure"}
    notebook["cells"][1]["outputs"].append(nbformat.v4.new_output("display_data", data))
    buffer = {"encoding": "base64", "path": ["value"], "data": base64.b64encode(picture).decode()}
    state = {"state": {"id": {"model_name": "ImageModel", "state": {}, "buffers": [buffer]}}}
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    execute.shrink_pictures(notebook)
    for text in (notebook["cells"][1]["outputs"][1]["data"]["image/png"], buffer["data"]):
        stored = base64.b64decode(text)
        assert len(stored) <= len(picture)
        seen = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB")).astype(int)
        assert np.abs(seen - noisy.astype(int)).max() <= 8
    assert notebook["cells"][1]["outputs"][0]["text"].startswith("0.5 nats")


def test_a_picture_that_a_palette_makes_larger_is_kept(execute):
    tiny = as_png(np.zeros((1, 1), np.uint8))
    assert execute.with_palette(tiny) == tiny


def run_one_cell(folder, source, env=None):
    """Runs bench/execute.py on a notebook of one cell; gives its status and all that it says."""
    path = folder / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    command = [sys.executable, str(course.ROOT / "bench" / "execute.py"), str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_kernel_that_dies_is_one_sentence(tmp_path):
    status, said = run_one_cell(tmp_path, "import os; os._exit(1)")
    assert (status, said.splitlines()) == (1, [DIED])


def test_a_kernel_that_does_not_start_is_one_sentence(tmp_path):
    broken = {"argv": [sys.executable, "-c", "raise SystemExit(1)"], "display_name": "broken", "language": "python"}
    (tmp_path / "kernels" / "python3").mkdir(parents=True)
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text(json.dumps(broken), encoding="utf-8")
    status, said = run_one_cell(tmp_path, "1", dict(os.environ, JUPYTER_PATH=str(tmp_path)))
    assert (status, said.splitlines()) == (1, [DIED])


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Kernel died before replying to kernel_info")])
def test_what_nbclient_stumbles_over_when_it_cleans_up_is_one_sentence(error, execute, monkeypatch, tmp_path, capsys):
    def stumble(*arguments, **options):
        raise error

    nbformat.write(clean_notebook(), tmp_path / "small.ipynb")
    monkeypatch.setattr(execute.NotebookClient, "execute", stumble)
    monkeypatch.setattr(sys, "argv", ["execute.py", str(tmp_path / "small.ipynb")])
    assert execute.main() == 1
    assert capsys.readouterr().err.splitlines() == [DIED]


def test_a_cell_that_fails_is_shown_with_its_error(tmp_path):
    status, said = run_one_cell(tmp_path, "1 / 0")
    assert status == 1
    assert said.startswith("small: a cell failed")
    assert "ZeroDivisionError" in said
