"""course.py: its failures are one clear sentence, half-made environments are mended, and links are written once."""

import ast
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import types

import pytest

import course

SOURCE_TEXT = course.read(course.ROOT / "course.py")


# ---------------------------------------------------------------------------------------------- the file itself


def test_old_pythons_can_read_it():
    ast.parse(SOURCE_TEXT, feature_version=(3, 6))


def test_it_needs_the_standard_library_only():
    tree = ast.parse(SOURCE_TEXT)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert modules <= sys.stdlib_module_names


@pytest.mark.parametrize("words", [[], ["help"]])
def test_help_names_every_command(words, capsys):
    assert course.main(words) == 0
    said = capsys.readouterr().out
    assert all(f"python course.py {command} " in said for command in course.COMMANDS)


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit):
        course.main(["tets"])
    assert "invalid choice: 'tets'" in capsys.readouterr().err


def test_makefile_has_one_line_for_each_command():
    lines = course.read(course.ROOT / "Makefile").splitlines()
    targets = {line.split(":")[0]: line for line in lines if re.match(r"[a-z]+: ;", line)}
    assert set(targets) == {"help", *course.COMMANDS}
    assert all(f"$(COURSE) {name}" in line for name, line in targets.items() if name != "help")


@pytest.mark.skipif(shutil.which("make") is None, reason="this system has no make")
def test_make_alone_prints_help_and_says_when_python_is_missing():
    inner = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # set when this test itself runs under `make test`
    alone = {name: value for name, value in os.environ.items() if name not in inner}
    options = {"cwd": course.ROOT, "env": alone, "capture_output": True, "text": True}
    helped = subprocess.run(["make", f"PYTHON={sys.executable}"], **options)
    assert "python course.py lab" in helped.stdout
    missing = subprocess.run(["make", "lab", "PYTHON="], **options)
    assert missing.returncode != 0
    assert missing.stdout.startswith("Python is missing: install Python 3.11, 3.12 or 3.13")


# ------------------------------------------------------------------------------------------- one clear sentence


def failure(words, capsys):
    """Runs a command that must stop, and gives what it says; one line and no traceback."""
    assert course.main(words) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("course.py: ")
    assert "Traceback" not in said
    assert said.count("\n") == 0
    return said


@pytest.fixture
def nothing_made(monkeypatch, tmp_path):
    """A checkout without .venv: every command has to set up first."""
    monkeypatch.setattr(course, "ROOT", tmp_path)
    shutil.copy(course.LOCK, tmp_path / "requirements.lock")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 14), (4, 0)])
def test_unsupported_python_is_named(version, nothing_made, monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "version_info", (*version, 0, "final", 0))
    monkeypatch.setattr(course, "candidates", lambda wanted: [])
    said = failure(["lab"], capsys)
    assert "3.11, 3.12 or 3.13" in said
    assert "this is Python {}.{}".format(*version) in said


def test_another_supported_python_is_found_when_this_one_is_too_old(monkeypatch):
    monkeypatch.setattr(course.sys, "version_info", (3, 8, 0, "final", 0))
    monkeypatch.setattr(course, "candidates", lambda wanted: [["python{}.{}".format(*wanted)]])
    monkeypatch.setattr(course, "version_of", lambda command: (3, 13) if command == ["python3.13"] else None)
    assert course.find_python() == ["python3.13"]


def test_this_python_is_found_first_and_answers():
    command = course.find_python()
    assert course.version_of(command) == tuple(sys.version_info[:2])
    assert course.version_of(["no-such-python"]) is None
    assert course.version_of([sys.executable, "-c", "print('not a version')"]) is None


@pytest.mark.parametrize("words", [["lab"], ["test"], ["check"], ["bench"], ["compat"]])
def test_intel_macs_are_told_where_to_go(words, nothing_made, monkeypatch, capsys):
    monkeypatch.setattr(course.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(course.platform, "machine", lambda: "x86_64")
    said = failure(words, capsys)
    assert "Intel" in said
    assert "Colab or Binder" in said


def test_apple_silicon_is_welcome():
    course.check_machine("Darwin", "arm64")


def test_a_missing_venv_module_is_named(nothing_made, monkeypatch, capsys):
    without = [sys.executable, "-c", "raise SystemExit('No module named ensurepip')"]
    monkeypatch.setattr(course, "find_python", lambda wanted=None: without)
    said = failure(["lab"], capsys)
    assert "no venv module" in said
    assert "python3-venv" in said


def test_a_full_disk_is_named(nothing_made, monkeypatch, capsys):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(course.shutil, "disk_usage", lambda path: usage(100 * 2**30, 99 * 2**30, 2**30))
    assert "need 4 GiB and the disk has 1.0 GiB free" in failure(["test"], capsys)
    assert not (nothing_made / ".venv").exists()


def test_no_network_is_named_by_the_real_pip(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    closed = ["--index-url", "http://127.0.0.1:9/simple", "--retries", "0", "--target", str(tmp_path)]
    with pytest.raises(course.Stop, match="check the network") as stop:
        course.pip(pathlib.Path(sys.prefix), *closed, "gentutor-no-such-library")
    assert "\n" not in str(stop.value)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError('... Temporary failure in name resolution')", "check the network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the one that was locked"),
        ("ERROR: No matching distribution found for tensorflow==2.21.0", "no package for this system and Python"),
        ("a\nsurprise", "last words were:\na\nsurprise"),
    ],
)
def test_what_pip_says_becomes_a_sentence(said, word):
    assert word in course.pip_failure(said)


# ----------------------------------------------------------------------------------------------- the environment


@pytest.fixture
def recorded(nothing_made, monkeypatch):
    """A checkout whose venv is a folder with a file for Python, and a list of what set_up did to it."""
    done = []

    def make(python, venv):
        done.append("venv")
        shutil.rmtree(venv, ignore_errors=True)
        course.inside(venv).parent.mkdir(parents=True)
        course.inside(venv).write_text("", encoding="utf-8")

    monkeypatch.setattr(course, "make_venv", make)
    monkeypatch.setattr(course, "pip", lambda venv, *words: done.append("lock" if "-r" in words else "package"))
    monkeypatch.setattr(course, "version_of", lambda command: (3, 12))
    return done


def set_up(folder):
    return course.set_up(folder / ".venv", folder / "requirements.lock")


def test_the_second_call_does_nothing(recorded, nothing_made):
    assert set_up(nothing_made) == str(course.inside(nothing_made / ".venv"))
    assert recorded == ["venv", "lock", "package"]
    set_up(nothing_made)
    assert len(recorded) == 3


def test_a_half_finished_installation_is_made_again(recorded, nothing_made, monkeypatch):
    whole = course.pip

    def interrupted(venv, *words):
        raise course.Stop("no network")

    monkeypatch.setattr(course, "pip", interrupted)
    with pytest.raises(course.Stop):
        set_up(nothing_made)
    assert course.state_of(nothing_made / ".venv") is None
    monkeypatch.setattr(course, "pip", whole)
    recorded.clear()
    set_up(nothing_made)
    assert recorded == ["venv", "lock", "package"]
    set_up(nothing_made)
    assert recorded == ["venv", "lock", "package"]


def test_a_changed_lock_is_installed_over(recorded, nothing_made):
    set_up(nothing_made)
    recorded.clear()
    with open(nothing_made / "requirements.lock", "a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    set_up(nothing_made)
    assert recorded == ["lock", "package"]


def test_changed_metadata_or_a_moved_folder_installs_the_package_again(recorded, nothing_made, tmp_path, monkeypatch):
    set_up(nothing_made)
    recorded.clear()
    (nothing_made / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    set_up(nothing_made)
    assert recorded == ["package"]
    monkeypatch.setattr(course, "ROOT", tmp_path / "elsewhere")
    shutil.copytree(nothing_made, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("elsewhere"))
    set_up(tmp_path / "elsewhere")
    assert recorded == ["package", "package"]


@pytest.mark.parametrize("version", [None, (3, 10)])
def test_an_environment_of_another_python_is_made_again(version, recorded, nothing_made, monkeypatch):
    set_up(nothing_made)
    recorded.clear()
    monkeypatch.setattr(course, "version_of", lambda command: version)
    monkeypatch.setattr(course, "require_python", lambda: ["python"])
    set_up(nothing_made)
    assert recorded == ["venv", "lock", "package"]


def test_an_environment_that_somebody_made_is_kept(recorded, nothing_made):
    course.inside(nothing_made / ".venv").parent.mkdir(parents=True)
    course.inside(nothing_made / ".venv").write_text("", encoding="utf-8")
    set_up(nothing_made)
    assert recorded == ["lock", "package"]


def test_a_real_environment_is_made_in_place_of_a_broken_one(tmp_path):
    venv = tmp_path / ".venv"
    venv.mkdir()
    (venv / "left over").write_text("", encoding="utf-8")
    course.make_venv([sys.executable], venv)
    assert not (venv / "left over").exists()
    assert course.version_of([str(course.inside(venv))]) == tuple(sys.version_info[:2])
    assert course.state_of(venv) == {}


def test_line_ends_do_not_change_a_hash(tmp_path):
    assert course.digest("a\r\nb") == course.digest("a\nb") != course.digest("a\n", "b")
    course.write(tmp_path / "x", "é\n")
    assert (tmp_path / "x").read_bytes() == "é\n".encode()


def test_notebooks_run_in_strict_mode_and_the_lab_does_not(monkeypatch):
    monkeypatch.delenv("GENTUTOR_STRICT", raising=False)
    calls = []
    monkeypatch.setattr(course, "set_up", lambda *words: "python")
    monkeypatch.setattr(course, "run", lambda command, env=None: calls.append((command, env)) or 0)
    assert course.main(["test"]) == course.main(["test", "-x"]) == course.main(["test", "tests/test_data.py"]) == 0
    assert course.main(["lab", "--no-browser"]) == 0
    (everything, strict), (first, _), (one, _), (lab, free) = calls
    assert everything[-2:] == ["tests", "notebooks"]
    assert first[-3:] == ["tests", "notebooks", "-x"]
    assert "notebooks" not in one
    assert "--nbval-lax" in everything
    assert strict["GENTUTOR_STRICT"] == "1"
    assert "GENTUTOR_STRICT" not in free
    assert lab[-2:] == ["--no-browser", "notebooks/00_start_here.ipynb"]


# ---------------------------------------------------------------------------------------------------- notebooks

NOTEBOOK = """# %% [markdown]
# # One

# %% [markdown] tags=["links"]
# anything

# %% tags=["setup"]
anything = 1

# %%
from gentutor import gan, data
gan.train()
print(data.load)
"""


MODULE = """from gentutor import losses, vae

RATE, STEPS = 1, 2


@losses.mark
def train(vae=None):
    return _step(vae.x)


def _step(x):
    return losses.one() * STEPS


def sample():
    return losses.other()


if RATE:
    print("at every import")
"""


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    """A small checkout: one source with its notebook, one solution, a README and three modules."""
    for name in ("notebooks/source/solutions", "gentutor/assets"):
        (tmp_path / name).mkdir(parents=True)
    texts = {
        "notebooks/source/01_one.py": NOTEBOOK,
        "notebooks/source/solutions/01_one.py": NOTEBOOK,
        "README.md": "a <!-- badges course -->x\ny<!-- /badges --> b\n| <!-- badges 01_one --><!-- /badges --> |\n",
        "gentutor/gan.py": MODULE,
        "gentutor/losses.py": "import numpy as np\n\n\ndef one():\n    pass\n\n\ndef other():\n    pass\n",
        "gentutor/data.py": "FILE = 'digits.npz'\n\n\ndef load():\n    return open(FILE)\n\n\nOTHER = 'other.npz'\n",
        "gentutor/vae.py": "",
        "gentutor/assets/digits.npz": "0",
        "gentutor/assets/other.npz": "0",
    }
    for name, text in texts.items():
        course.write(tmp_path / name, text)
    places = {"ROOT": "", "NOTEBOOKS": "notebooks", "SOURCES": "notebooks/source"}
    for name, place in places.items():
        monkeypatch.setattr(course, name, tmp_path / place)
    monkeypatch.setattr(course, "LINKS", tmp_path / "notebooks/source/links.json")
    return tmp_path


def test_notebooks_are_named_by_the_beginning_of_their_names(checkout, capsys):
    assert list(course.sources()) == ["01_one", "solutions/01_one"]
    assert course.chosen([]) == ["01_one", "solutions/01_one"]
    assert course.chosen(["01"]) == ["01_one"]
    assert course.chosen(["solutions/01"]) == ["solutions/01_one"]
    assert "there is no notebook '02'" in failure(["notebooks", "02"], capsys)


@pytest.mark.parametrize(
    ("name", "old", "new", "matters"),
    [
        ("gentutor/gan.py", "return _step(vae.x)", "return _step(2)", True),
        ("gentutor/gan.py", "losses.one() * STEPS", "losses.one()", True),  # used by what is used
        ("gentutor/gan.py", "@losses.mark", "@losses.other", True),
        ("gentutor/gan.py", "STEPS = 1, 2", "STEPS = 1, 3", True),
        ("gentutor/gan.py", "at every import", "always", True),
        ("gentutor/gan.py", "return losses.other()", "return 1", False),
        ("gentutor/gan.py", "def sample():", "def new():\n    return 1\n\n\ndef sample():", False),
        ("gentutor/losses.py", "def one():\n    pass", "def one():\n    return 1", True),
        ("gentutor/losses.py", "def other():\n    pass", "def other():\n    return 1", False),
        ("gentutor/data.py", "digits.npz", "more.npz", True),
        ("gentutor/data.py", "other.npz", "more.npz", False),
        ("gentutor/vae.py", "", "y = 1", False),  # an argument is called vae, the module is not used
        ("gentutor/assets/digits.npz", "0", "1", True),
        ("gentutor/assets/other.npz", "0", "1", False),
        ("notebooks/source/01_one.py", "gan.train()", "gan.train(1)", True),
        ("notebooks/source/01_one.py", "# # One", "# # Two", False),
        ("notebooks/source/solutions/01_one.py", "gan.train()", "gan.train(1)", False),
    ],
)
def test_a_notebook_is_executed_again_when_what_it_runs_changed(name, old, new, matters, checkout):
    before = course.fingerprint(course.sources()["01_one"])
    text = course.read(checkout / name)
    assert old in text
    course.write(checkout / name, text.replace(old, new) if old else new)
    assert (course.fingerprint(course.sources()["01_one"]) != before) == matters


def test_a_module_handed_over_whole_counts_whole(checkout):
    source = course.sources()["01_one"]
    course.write(source, course.read(source).replace("gan.train()", "help(gan)"))
    before = course.fingerprint(source)
    course.write(checkout / "gentutor/gan.py", MODULE.replace("return losses.other()", "return 1"))
    assert course.fingerprint(source) != before


def test_prose_alone_is_brought_into_the_notebook_without_executing_it(checkout, monkeypatch, capsys):
    ran = []

    def pretend(command, env=None):
        ran.append("jupytext" if "jupytext" in command else pathlib.Path(command[1]).name)
        if "jupytext" in command:
            save_notebook(checkout, "01_one", command[-2])
        return 0

    monkeypatch.setattr(course, "run", pretend)
    monkeypatch.setattr(course, "set_up", lambda: "python")
    source = course.sources()["01_one"]
    assert course.main(["notebooks", "01"]) == 0
    assert ran == ["jupytext", "execute.py"]
    course.write(source, course.read(source).replace("# # One", "# # Two"))
    assert not course.is_current("01_one")
    assert course.main(["notebooks", "01"]) == 0
    assert ran[2:] == ["jupytext"]
    assert course.is_current("01_one")
    assert "# Two" in course.read(course.saved("01_one"))
    assert "only its text changed" in capsys.readouterr().out
    assert course.main(["notebooks", "01", "--force"]) == 0
    assert ran[3:] == ["jupytext", "execute.py"]


def widget_notebook(first, second):
    """A notebook with a slider `first` whose layout is `second`."""
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": first}}
    state = {first: {"layout": f"IPY_MODEL_{second}"}, second: {"width": 1}}
    outputs = [{"data": view, "output_type": "display_data"}, {"name": "stderr", "output_type": "stream", "text": "x"}]
    cells = [
        {"cell_type": "code", "execution_count": 1, "outputs": outputs, "metadata": {"execution": 1, "tags": ["a"]}},
        {"cell_type": "markdown", "metadata": {"scrolled": True}},
    ]
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    return {"cells": cells, "metadata": {"widgets": widgets, "language_info": {"version": "3.11.7"}, "jupytext": {}}}


def test_what_is_saved_is_the_same_on_every_run():
    one = course.clean(widget_notebook("a" * 32, "b" * 32), "01")
    other = course.clean(widget_notebook("d" * 32, "c" * 32), "01")
    assert one == other
    assert len(one["cells"][0]["outputs"]) == 1
    assert [cell["metadata"] for cell in one["cells"]] == [{"tags": ["a"]}, {}]
    assert set(one["metadata"]) == {"kernelspec", "language_info", "widgets"}
    assert one["metadata"]["language_info"] == {"name": "python"}


def test_links_between_widgets_keep_their_names_when_a_notebook_is_cleaned_again():
    """Two films have a link each, which no cell shows and which differ only by what they link."""
    ids = [digit * 32 for digit in "abcd"]
    state = {model: {"model_name": "PlayModel", "state": {"value": 0}} for model in ids[:2]}
    for link, model in zip(ids[2:], ids[:2], strict=True):
        state[link] = {"model_name": "LinkModel", "state": {"source": ["IPY_MODEL_" + model, "value"]}}
    view = {"application/vnd.jupyter.widget-view+json": {}}
    outputs = [
        {"output_type": "display_data", "data": {name: {"model_id": model} for name in view}} for model in ids[:2]
    ]
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [output], "source": []} for output in outputs]
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    once = course.clean({"cells": cells, "metadata": {"widgets": widgets}}, "02")
    again = course.clean(once, "02")
    for _ in range(3):  # cleaning what is clean changes nothing and loses nothing
        again = course.clean(again, "02")
    assert again == once
    held = once["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert len(held) == 4
    linked = [part["state"]["source"][0][len("IPY_MODEL_") :] for part in held.values() if "source" in part["state"]]
    assert sorted(linked) == sorted(
        cell["outputs"][0]["data"][name]["model_id"] for cell in once["cells"] for name in view
    )


# -------------------------------------------------------------------------------------------------------- links


def save_notebook(checkout, name, path=None):
    """Saves what the source of `name` would give, with an output in its last cell."""
    cells = []
    for cell in course.cells_of(course.read(course.sources()[name]))[1:]:
        head, _, text = cell.partition("\n")
        tags = {"tags": re.findall(r'"(\w+)"', head)} if "tags" in head else {}
        kind = "markdown" if "[markdown]" in head else "code"
        cells.append({"cell_type": kind, "metadata": tags, "source": text.splitlines(True)})
        if kind == "code":
            cells[-1]["outputs"] = []
    cells[-1]["outputs"] = [{"output_type": "stream", "text": "2"}]
    course.save(path or course.saved(name), {"cells": cells, "metadata": {}})


def snapshot(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_links_are_written_once_and_can_be_written_again(checkout):
    save_notebook(checkout, "01_one")
    assert course.main(["links"]) == 0
    placeholders = snapshot(checkout)
    assert b"make links" in placeholders[checkout / "README.md"]
    assert b"OWNER/NAME" in placeholders[checkout / "notebooks/01_one.ipynb"]
    assert course.main(["links", "REPO=first/one", "BRANCH=dev"]) == 0
    first = snapshot(checkout)
    assert course.main(["links", "REPO=", "BRANCH="]) == 0
    assert snapshot(checkout) == first
    assert course.main(["links", "REPO=second/two", "BRANCH=main"]) == 0
    assert not [path for path, held in snapshot(checkout).items() if b"first/one" in held or b"dev" in held]


def test_links_touch_their_own_cells_only(checkout):
    save_notebook(checkout, "01_one")
    source, before = course.sources()["01_one"], course.load(course.saved("01_one"))
    made_from = course.fingerprint(source)
    course.main(["links", "REPO=owner/name.x", "BRANCH=a/b"])
    after = course.load(course.saved("01_one"))
    assert before["cells"][0] == after["cells"][0]
    assert before["cells"][3] == after["cells"][3]
    assert course.fingerprint(source) == made_from, "nothing has to be executed again"
    badges = "".join(after["cells"][1]["source"])
    base = "https://colab.research.google.com/github/owner/name.x/blob"
    assert f"({base}/a/b/notebooks/01_one.ipynb)" in badges
    assert "(https://mybinder.org/v2/gh/owner/name.x/a%2Fb?labpath=notebooks/01_one.ipynb)" in badges
    assert 'SOURCE = "git+https://github.com/owner/name.x@a/b"' in "".join(after["cells"][2]["source"])
    readme = course.read(checkout / "README.md")
    assert f"{base}/a/b/notebooks/00_start_here.ipynb" in readme
    assert f"{base}/a/b/notebooks/01_one.ipynb" in readme
    assert readme.startswith("a <!-- badges course -->[")


@pytest.mark.parametrize("word", ["REPO=owner", "REPO=a/b/c", "REPO=a b/c", "repo=a/b", "owner/name", 'BRANCH=a"b'])
def test_a_wrong_address_is_refused_and_nothing_is_written(word, checkout, capsys):
    before = snapshot(checkout)
    assert "owner" in failure(["links", word], capsys)
    assert snapshot(checkout) == before


def test_a_source_without_the_cells_is_named(checkout, capsys):
    course.write(checkout / "notebooks/source/01_one.py", "# %%\nprint(1)\n")
    assert "the source of 01_one has no cell tagged links or setup" in failure(["links"], capsys)


def run_setup_cell(repository, on_colab, installed):
    """Executes the set-up cell; gives the pip commands that it ran."""
    code = course.owned_cells("x", repository, "main")["setup"]
    ran = []
    found = types.SimpleNamespace(find_spec=lambda name: "spec" if installed else None)
    modules = {"google.colab": None} if on_colab else {}
    replaced = {
        "importlib": types.SimpleNamespace(util=found),
        "subprocess": types.SimpleNamespace(run=lambda command, check: ran.append(command)),
        "sys": types.SimpleNamespace(modules=modules, executable="python"),
        "os": types.SimpleNamespace(environ={}),
    }
    body = "\n".join(line for line in code.splitlines() if not line.startswith("import "))
    exec(compile(body, "setup", "exec"), replaced)
    assert replaced["os"].environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    return ran


def test_setup_cell_does_nothing_where_the_package_is():
    assert run_setup_cell("owner/name", on_colab=True, installed=True) == []


def test_setup_cell_installs_on_colab():
    command = run_setup_cell("owner/name", on_colab=True, installed=False)[0]
    assert command[1:4] == ["-m", "pip", "install"]
    assert command[-2:] == ["--no-deps", "git+https://github.com/owner/name@main"]


@pytest.mark.parametrize(("repository", "on_colab"), [("", True), ("", False), ("owner/name", False)])
def test_setup_cell_says_how_to_open_the_course_and_names_no_placeholder(repository, on_colab):
    with pytest.raises(ModuleNotFoundError) as error:
        run_setup_cell(repository, on_colab, installed=False)
    said = str(error.value)
    assert "lacks gentutor" in said
    assert "`python course.py lab`" in said
    assert "kernel of its .venv" in said
    assert "OWNER/NAME" not in said
    assert ("%pip install --no-deps git+https://github.com/owner/name@main" in said) == bool(repository)


def compat_pages(monkeypatch):
    """The notebooks that compat would run."""
    ran = []
    monkeypatch.setattr(course, "set_up", lambda *words: "python")
    monkeypatch.setattr(course, "run", lambda command, env=None: ran.append(command) or 0)
    monkeypatch.setattr(course, "inside", lambda venv, name="python": venv / "nothing")
    assert course.main(["compat"]) == 0
    return [path for path in map(pathlib.Path, map(str, ran[0])) if path.suffix == ".ipynb"]


def test_compat_runs_every_main_notebook(monkeypatch):
    main = [course.saved(name) for name in course.sources() if not name.startswith("solutions/")]
    assert compat_pages(monkeypatch) == main
    assert len(main) >= 4


def test_compat_needs_no_edit_for_a_new_notebook(checkout, monkeypatch):
    course.write(checkout / "notebooks/17_scaling_out.ipynb", "{}")
    course.write(checkout / "notebooks/scratch.ipynb", "{}")
    assert [path.name for path in compat_pages(monkeypatch)] == ["17_scaling_out.ipynb"]


def test_ci_script_runs_the_command_of_the_readme():
    script = course.read(course.ROOT / ".ci" / "run")
    assert script.rstrip().endswith("exec make test </dev/null")
    assert "make test" in course.read(course.ROOT / "README.md")
