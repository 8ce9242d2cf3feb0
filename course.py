#!/usr/bin/env python3
"""Open, test and build the course.

    python course.py lab          make .venv when it is missing, then open JupyterLab at the first notebook
    python course.py test         the unit tests, every notebook and solution, the browser test where Chromium is found
    python course.py check        lint, format, notebooks against their sources, saved-notebook hygiene
    python course.py notebooks    build and execute the notebooks that changed      [NAME ...] [--force]
    python course.py bench        repeat the measured comparisons                   [arguments of bench/run.py]
    python course.py compat       unit tests and main notebooks with the versions that Colab has
    python course.py links        write badges and the Colab set-up cell            [REPO=owner/name] [BRANCH=main]

`make COMMAND` does the same where make exists. This file needs Python's standard library only, and keeps to syntax
that old versions of Python can read, so that they can say what is missing.
"""

import argparse
import ast
import contextlib
import functools
import glob
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent
NOTEBOOKS = ROOT / "notebooks"
SOURCES = NOTEBOOKS / "source"
LINKS = SOURCES / "links.json"
LOCK = ROOT / "requirements.lock"
COLAB_LOCK = ROOT / "requirements-colab.lock"
FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
OLDEST, NEWEST = (3, 11), (3, 13)
DISK_GIB = 4
CELL_TIMEOUT = 900  # seconds; the longest cell takes three minutes on two cores, and Binder is half as fast
COLAB_LEFT_OUT = ("browser", "course", "install", "notebooks")  # tests of the tools, which Colab does not have


class Stop(Exception):
    """A reason to stop that the user can mend: printed as one sentence, without a traceback."""


# ---------------------------------------------------------------------------------------------------- Python


def supported(version):
    """Says whether the course runs on this (major, minor) version of Python."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def check_machine(system=None, machine=None):
    """Raises Stop on a machine for which TensorFlow has no wheel."""
    system, machine = system or platform.system(), machine or platform.machine()
    if system == "Darwin" and machine == "x86_64":
        raise Stop(
            "TensorFlow has no package for Macs with an Intel processor (or for a Python built for one): "
            "open the course on Colab or Binder, or on a Mac with Apple silicon use a Python built for arm64."
        )


def version_of(python):
    """Asks an interpreter for its version: (major, minor), or None when it does not run."""
    question = "import sys; print(sys.version_info[0], sys.version_info[1])"
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        output = subprocess.check_output([*python, "-c", question], stderr=subprocess.DEVNULL, timeout=60)
        major, minor = output.split()
        return int(major), int(minor)
    return None


def candidates(wanted):
    """Lists commands that may start Python `wanted`, a (major, minor) pair."""
    name = "{}.{}".format(*wanted)
    commands = [[sys.executable]] if tuple(sys.version_info[:2]) == wanted else []
    if shutil.which("python" + name):
        commands.append([shutil.which("python" + name)])
    if os.name == "nt" and shutil.which("py"):
        commands.append(["py", "-" + name])
    home = os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    for folder in sorted(glob.glob(os.path.join(home, "versions", name + ".*")), reverse=True):
        commands.append([os.path.join(folder, "bin", "python")])
    return commands


def find_python(wanted=None):
    """Finds a supported Python, the running one first: a command as a list, or None; `wanted` asks for one version."""
    running = tuple(sys.version_info[:2])
    versions = [wanted] if wanted else [running, (3, 12), (3, 13), (3, 11)]
    for version in filter(supported, versions):
        for command in candidates(version):
            if version_of(command) == version:
                return command
    return None


def require_python():
    """Finds a supported Python or raises Stop."""
    check_machine()
    python = find_python()
    if python is None:
        raise Stop(
            "the course needs Python 3.11, 3.12 or 3.13 and this is Python {}.{}: install one of them "
            "and call it, for instance python3.12 course.py lab.".format(*sys.version_info[:2])
        )
    return python


# ------------------------------------------------------------------------------------------------ environment


def inside(venv, name="python"):
    """Gives the path of a program inside a virtual environment."""
    return venv / "Scripts" / (name + ".exe") if os.name == "nt" else venv / "bin" / name


def digest(*parts):
    """Hashes texts: the same on systems that end lines differently."""
    return hashlib.sha256("\0".join(parts).replace("\r\n", "\n").encode()).hexdigest()


def read(path):
    """Reads a text file."""
    return path.read_text(encoding="utf-8")


def write(path, text):
    """Writes a text file with the same line ends on every system; a reader never sees half of it."""
    partial = path.with_name(path.name + ".partial")
    with open(str(partial), "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.replace(str(partial), str(path))


def check_disk(folder, needed=DISK_GIB):
    """Raises Stop when the disk has too little room for the libraries."""
    free = shutil.disk_usage(str(folder)).free / 2**30
    if free < needed:
        raise Stop(f"the libraries need {needed} GiB and the disk has {free:.1f} GiB free: make room and call again.")


def check_venv(python):
    """Raises Stop when this Python cannot make virtual environments."""
    if subprocess.call([*python, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL):
        raise Stop(
            "this Python has no venv module: install it (on Debian and Ubuntu: sudo apt install python3-venv) "
            "and call again."
        )


def make_venv(python, venv):
    """Makes a virtual environment, in place of whatever is there."""
    check_venv(python)
    check_disk(venv.parent)
    try:
        if venv.exists():
            shutil.rmtree(str(venv))
        subprocess.check_output([*python, "-m", "venv", str(venv)], stderr=subprocess.STDOUT)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (
            getattr(error, "output", b"").decode(errors="replace").strip() if hasattr(error, "output") else str(error)
        )
        raise Stop(
            f"the folder {venv.name} could not be made ({said}): close the programs that use it, delete it, call again."
        ) from error


FAILURES = (  # what pip says, and what to do about it
    (r"No space left|Errno 28", f"the disk is full: make room (about {DISK_GIB} GiB) and call again."),
    (
        r"NewConnectionError|ConnectTimeout|ReadTimeout|Connection broken|ProxyError|getaddrinfo|name resolution|"
        r"Network is unreachable|Max retries exceeded|Connection refused",
        "the libraries could not be downloaded: check the network (or the proxy) and call again.",
    ),
    (r"THESE PACKAGES DO NOT MATCH THE HASHES", "a downloaded library is not the one that was locked: call again."),
    (
        r"No matching distribution",
        "a locked library has no package for this system and Python, or the package index is out of reach: "
        "check the network, or try Python 3.12.",
    ),
)


def pip_failure(output):
    """Turns what pip printed into one sentence."""
    for pattern, sentence in FAILURES:
        if re.search(pattern, output, flags=re.IGNORECASE):
            return sentence
    return "pip could not install the libraries; its last words were:\n" + "\n".join(output.strip().splitlines()[-8:])


def progress(line):
    """Shows which library pip is at, on one line of a terminal."""
    if sys.stdout.isatty() and line.startswith(("Collecting", "Installing")):
        print("\r  " + line.split(" (")[0][:70].strip().ljust(72), end="", flush=True)
    return line


def pip(venv, *arguments):
    """Runs pip install inside a virtual environment."""
    command = [str(inside(venv)), "-m", "pip", "--disable-pip-version-check", "install", "--no-input", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=str(ROOT)) as process:
        output = "".join(progress(line.decode(errors="replace")) for line in process.stdout)
    if sys.stdout.isatty():
        print("\r" + " " * 74 + "\r", end="")
    if process.returncode:
        raise Stop(pip_failure(output))


def stamp_of(lock):
    """Says what an environment is made from: the lock, and the package's metadata and place."""
    return {"lock": digest(read(lock)), "package": digest(read(ROOT / "pyproject.toml"), str(ROOT))}


def state_of(venv):
    """Reads the stamp: {} for an environment that somebody else made, None for one that is absent or half made."""
    if (venv / "unfinished").exists() or not inside(venv).exists():
        return None
    if not supported(version_of([str(inside(venv))]) or (0, 0)):
        return None
    try:
        return json.loads(read(venv / "course.json"))
    except (OSError, ValueError):
        return {}


def set_up(venv=None, lock=None, python=None):
    """Makes the environment when it is missing, half made or out of date; gives its interpreter as a string."""
    venv, lock = venv or ROOT / ".venv", lock or LOCK
    wanted, state = stamp_of(lock), state_of(venv)
    if state == wanted:
        return str(inside(venv))
    check_machine()
    if state is None:
        make_venv(python or require_python(), venv)
    state = state or {}
    if state.get("lock") != wanted["lock"]:
        check_disk(venv, DISK_GIB if not state else 1)
        print(f"Installing the libraries into {venv.name} (once; a few minutes, about 3 GB) ...", flush=True)
        write(venv / "unfinished", "")
        pip(venv, "--require-hashes", "--only-binary", ":all:", "-r", str(lock))
    pip(venv, "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    write(venv / "course.json", json.dumps(wanted))
    if (venv / "unfinished").exists():
        (venv / "unfinished").unlink()
    return str(inside(venv))


def environment():
    """The environment variables of everything that is executed here: no chatter, and a failed check stops."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYDEVD_DISABLE_FILE_VALIDATION": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    return dict(os.environ, GENTUTOR_STRICT="1", **quiet)


def run(command, env=None):
    """Runs a command in the course's folder and gives its exit status."""
    return subprocess.call([str(part) for part in command], cwd=str(ROOT), env=env)


# ------------------------------------------------------------------------------------------------ lab and test


def lab_command(python):
    """The command that starts JupyterLab without its requests to the network (news, updates, extension lists)."""
    quiet = ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [python, "-m", "jupyterlab", *quiet, "--LabApp.extension_manager=readonly", *root]


def lab(arguments):
    """Opens JupyterLab at the first notebook; with --try, only shows that it would."""
    python = set_up()
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", JUPYTER_PREFER_ENV_PATH="1")
    if arguments.try_out:
        return try_lab(python, env)
    return run([*lab_command(python), *arguments.rest, FIRST_NOTEBOOK], env)


def try_lab(python, env, patience=120):
    """Starts JupyterLab on a free port, waits until it serves the first notebook, and stops it."""
    with tempfile.TemporaryDirectory() as folder:
        env = dict(env, JUPYTER_RUNTIME_DIR=folder)
        command = [*lab_command(python), "--no-browser", "--ServerApp.port=0", "--IdentityProvider.token=course"]
        server = subprocess.Popen(command, cwd=str(ROOT), env=env, stderr=subprocess.DEVNULL)
        try:
            if wait_for(server, folder, patience):
                print("JupyterLab serves " + FIRST_NOTEBOOK)
                return 0
            raise Stop("JupyterLab did not come up: call python course.py lab to see what it says.")
        finally:
            server.terminate()
            server.wait()


def wait_for(server, folder, patience):
    """Waits until a server describes itself in `folder` and serves the first notebook."""
    end = time.time() + patience
    while time.time() < end and server.poll() is None:
        for path in glob.glob(os.path.join(folder, "jpserver-*.json")):
            with contextlib.suppress(OSError, ValueError):
                url = json.loads(read(pathlib.Path(path)))["url"] + "api/contents/" + FIRST_NOTEBOOK
                return answers(url + "?content=0&token=course")
        time.sleep(0.2)
    return False


def answers(url):
    """Asks a server for a page: whether it has it; raises OSError when the server is not up yet."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


def pytest_command(python, paths):
    """The one command that runs unit tests and notebooks, one after another."""
    nbval = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", CELL_TIMEOUT]
    return [python, "-m", "pytest", *nbval, *paths]


def test(arguments):
    """Runs the unit tests, the browser test and all notebooks; or what the arguments name."""
    python = set_up()
    named = any(not argument.startswith("-") for argument in arguments.rest)
    paths = arguments.rest if named else ["tests", "notebooks", *arguments.rest]
    return run(pytest_command(python, paths), environment())


def check(arguments):
    """Runs everything that needs no training: lint, format, and the saved notebooks' tests."""
    python = set_up()
    commands = [
        ([python, "-m", "ruff", "check", "."], "lint"),
        ([python, "-m", "ruff", "format", "--check", "."], "format (ruff format . mends it)"),
        ([python, "-m", "pytest", "-q", "tests/test_notebooks.py"], "saved notebooks"),
    ]
    failed = [name for command, name in commands if run(command, environment())]
    print("check: " + ("all is well" if not failed else "failed: " + ", ".join(failed)))
    return 1 if failed else 0


# --------------------------------------------------------------------------------------------------- notebooks


def sources():
    """Lists the notebooks' sources: {name: path}, solutions as solutions/NAME."""
    paths = sorted(SOURCES.glob("[0-9]*.py")) + sorted((SOURCES / "solutions").glob("[0-9]*.py"))
    return {path.relative_to(SOURCES).with_suffix("").as_posix(): path for path in paths}


def saved(name):
    """Gives the path of the notebook that is built from a source."""
    return NOTEBOOKS / (name + ".ipynb")


def chosen(names):
    """Lists the sources that the arguments name by the beginning of their names; all of them without arguments."""
    found = sources()
    for name in names:
        if not any(candidate.startswith(name) for candidate in found):
            raise Stop(f"there is no notebook {name!r}: the sources are {', '.join(found) or 'none yet'}.")
    return [name for name in found if not names or name.startswith(tuple(names))]


def own_cells(text):
    """Leaves out of a source the cells that `links` writes."""
    return "".join(cell for cell in cells_of(text) if owned_tag(cell) is None)


@functools.lru_cache(maxsize=None)  # noqa: UP033 (old versions of Python read this file too)
def definitions(text):
    """Splits a module into what it defines, {name: its text}, and the text of its other statements but imports."""
    lines, named, other = text.splitlines(), {}, []
    for node in ast.parse(text).body:
        decorators = getattr(node, "decorator_list", [])
        piece = "\n".join(lines[min([node.lineno, *(d.lineno for d in decorators)]) - 1 : node.end_lineno])
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        names = [n.id for t in targets if t for n in ast.walk(t) if isinstance(n, ast.Name)]
        names += [node.name] if hasattr(node, "name") else []
        named.update(dict.fromkeys(names, piece))
        imports = isinstance(node, (ast.Import, ast.ImportFrom))
        if not names and not imports and not isinstance(getattr(node, "value", None), ast.Constant):
            other.append(piece)
    return named, "\n".join(other)


@functools.lru_cache(maxsize=None)  # noqa: UP033 (old versions of Python read this file too)
def package_imports(text):
    """Finds how a text calls the package's modules and their members: {alias: (module, member or None)}."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gentutor":
            module = node.module.partition(".")[2]
            for alias in node.names:
                found[alias.asname or alias.name] = (module, alias.name) if module else (alias.name, None)
    return found


def uses(text, aliases):
    """Lists what a text uses of the package, as (module, member), a member None for a whole module; and bare names."""
    tree, members, inner = ast.parse(text), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            module, member = aliases[node.value.id]
            members.add((module, member or node.attr))
            inner.add(id(node.value))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in inner}
    names -= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}  # an argument called like a module
    return members | {aliases[name] for name in names & set(aliases)}, names


def package_parts(text):
    """Collects the parts of the package that a text uses, directly or through others: {(module, member): text}."""
    parts, waiting = {}, sorted(uses(text, package_imports(text))[0], key=str)
    while waiting:
        module, member = waiting.pop()
        path = ROOT / "gentutor" / (module + ".py")
        if (module, member) in parts or not path.exists():
            continue
        whole = read(path)
        named, other = definitions(whole)
        piece = whole if member is None else named.get(member, "") + "\n" + other
        parts[module, member] = piece
        found, names = uses(textwrap.dedent(piece), package_imports(whole))
        waiting += [*found, *((module, name) for name in names & set(named))]
    return parts


def code_of(source):
    """The code cells of a source, without those that `links` writes: what is executed."""
    return "".join(cell for cell in cells_of(own_cells(read(source))) if not cell.startswith("# %% [markdown]"))


def fingerprint(source):
    """Hashes all that decides a notebook's results: its code, the parts of the package it uses, the files they name."""
    code = code_of(source)
    parts = package_parts(code)
    texts = [code, *(parts[key] for key in sorted(parts, key=str))]
    assets = sorted(path for path in (ROOT / "gentutor" / "assets").glob("*") if path.suffix != ".md")
    named = [path for path in assets if any(path.name in text for text in texts)]
    return digest(*texts, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in named))


def made_from(source):
    """Says what a notebook is made from: the hash of what is executed, and that of its own cells with their prose."""
    return {"executed": fingerprint(source), "text": digest(own_cells(read(source)))}


def load(path):
    """Reads a notebook."""
    return json.loads(read(path))


def save(path, notebook):
    """Writes a notebook as Jupyter does."""
    write(path, json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def is_current(name):
    """Says whether a notebook was built from its source as it is now."""
    return recorded(name) == made_from(sources()[name])


def recorded(name):
    """Reads what a saved notebook was made from: {} when there is none."""
    return load(saved(name))["metadata"].get("gentutor", {}) if saved(name).exists() else {}


def notebooks(arguments):
    """Builds and executes the notebooks whose source or imports changed."""
    names = chosen(arguments.rest)
    python = set_up()
    failed = []
    for name in names:
        if not arguments.force and is_current(name):
            print(f"{name}: up to date")
        elif not build(python, name, arguments.force):
            failed.append(name)
    if failed:
        print("failed, and left as they were: " + ", ".join(failed))
    return 1 if failed else 0


def build(python, name, force=False):
    """Builds one notebook: convert, execute unless only its prose changed, strip what differs from run to run, save."""
    source, target = sources()[name], saved(name)
    made = made_from(source)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder) / target.name
        if target.exists():
            shutil.copy(str(target), str(work))
        convert = [python, "-m", "jupytext", "--quiet", "--to", "ipynb", "--update", "--output", work, source]
        if run(convert, environment()):
            return False
        save(work, clean(load(work), name))
        target.parent.mkdir(parents=True, exist_ok=True)
        execute = [python, "bench/execute.py", work, "--folder", target.parent, "--name", name, "--save"]
        if not force and recorded(name).get("executed") == made["executed"]:
            print(f"{name}: only its text changed")
        elif run(execute, environment()):
            return False
        notebook = clean(load(work), name)
    notebook["metadata"]["gentutor"] = made
    save(target, notebook)
    return True


def clean(notebook, name):
    """Leaves out of a notebook what differs from run to run or belongs to one machine."""
    widgets = notebook["metadata"].get("widgets")
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if widgets:
        notebook["metadata"]["widgets"] = widgets
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags")
        cell["metadata"] = {"tags": tags} if tags else {}
        if cell["cell_type"] == "code":
            cell["outputs"] = joined(output for output in cell["outputs"] if output.get("name") != "stderr")
    return rename_widgets(notebook, name)


def joined(outputs):
    """Joins what was printed in pieces, which stderr between them had kept apart: half a line stays on its line."""
    result = []
    for output in outputs:
        last = result[-1] if result else {}
        if output.get("output_type") == last.get("output_type") == "stream" and output["name"] == last["name"]:
            last["text"] = "".join([*last["text"], *output["text"]]).splitlines(keepends=True)
        else:
            result.append(output)
    return result


MODEL_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


def rename_widgets(notebook, name):
    """Numbers the widgets' models, whose names are random, in the order in which the notebook comes to them."""
    widgets = notebook["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    state, found = widgets.get("state", {}), []

    def visit(part):
        for model in MODEL_ID.findall(json.dumps(part, sort_keys=True)):
            if model in state and model not in found:
                found.append(model)
                visit(state[model])

    visit(notebook["cells"])
    numbers = {model: str(number) for number, model in enumerate(found)}

    def described(model):  # what no cell shows, such as a link between two sliders, is told apart by what it links
        return MODEL_ID.sub(lambda match: numbers.get(match.group(), ""), json.dumps(state[model], sort_keys=True))

    rest = sorted(set(state) - set(found), key=described)
    names = {model: digest(name, str(number))[:32] for number, model in enumerate(found + rest)}
    text = MODEL_ID.sub(lambda match: names.get(match.group(), match.group()), json.dumps(notebook))
    return json.loads(text)


# ------------------------------------------------------------------------------------------------------- links

UNKNOWN = "*Colab and Binder badges appear here once the course's address is known (`make links`).*"
LINKS_CELL = '# %% [markdown] tags=["links"]\n# {badges}\n\n'
SETUP_CELL = """# %% tags=["setup"]
# Set-up. On Colab it installs the course's package; on your own machine `python course.py lab` already has.
import importlib.util
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages
SOURCE = "git+https://github.com/{repo}@{branch}"  # `make links` writes the course's address here
if importlib.util.find_spec("gentutor") is None:
    if "OWNER/NAME" in SOURCE or "google.colab" not in sys.modules:
        pip = "" if "OWNER/NAME" in SOURCE else f" (elsewhere: %pip install --no-deps {{SOURCE}})"
        advice = "open the course with `python course.py lab`, or choose the kernel of its .venv"
        raise ModuleNotFoundError(f"This kernel lacks gentutor: {{advice}}{{pip}}.")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", SOURCE], check=True)

"""


def address():
    """Reads the one place that knows the course's address: (repository, branch); the repository is '' until known."""
    known = json.loads(read(LINKS)) if LINKS.exists() else {}
    return known.get("repository", ""), known.get("branch", "main")


def badges(name, repository, branch):
    """Writes the badges of a notebook, or of the whole course: Markdown on one line."""
    if not repository:
        return UNKNOWN if name == "course" else "-"
    notebook = FIRST_NOTEBOOK if name == "course" else f"notebooks/{name}.ipynb"
    reference = urllib.parse.quote(branch, safe="")
    colab = f"https://colab.research.google.com/github/{repository}/blob/{branch}/{notebook}"
    binder = f"https://mybinder.org/v2/gh/{repository}/{reference}?labpath={notebook}"
    tests = f"https://github.com/{repository}/actions/workflows/test.yml"
    shown = [  # no spaces in a badge: a line of a source may then be as long as it needs
        f"[![Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})",
        f"[![Binder](https://mybinder.org/badge_logo.svg)]({binder})",
    ]
    if name == "course":
        shown.append(f"[![Tests]({tests}/badge.svg?branch={reference})]({tests})")
    return " ".join(shown)


def cells_of(text):
    """Splits a percent script into its header and cells; joined, they are the script again."""
    return re.split(r"^(?=# %%)", text, flags=re.MULTILINE)


def owned_tag(cell):
    """Gives 'links' or 'setup' for a cell that `links` writes, else None."""
    match = re.match(r'# %%.*tags=\["(links|setup)"\]', cell)
    return match.group(1) if match else None


def owned_cells(name, repository, branch):
    """Writes the two cells that come from here: {tag: percent script}."""
    lines = badges(name, repository, branch).replace(" ", "\n# ") if repository else UNKNOWN
    setup = SETUP_CELL.format(repo=repository or "OWNER/NAME", branch=branch)
    return {"links": LINKS_CELL.format(badges=lines), "setup": setup}


def link_source(text, name, repository, branch):
    """Writes both cells into a source."""
    owned = owned_cells(name, repository, branch)
    cells = cells_of(text)
    missing = set(owned) - {owned_tag(cell) for cell in cells}
    if missing:
        raise Stop(f"the source of {name} has no cell tagged {' or '.join(sorted(missing))}: copy them from another.")
    return "".join(owned.get(owned_tag(cell), cell) for cell in cells)


def link_notebook(notebook, name, repository, branch):
    """Writes both cells into a built notebook, and leaves everything else as it is."""
    owned = owned_cells(name, repository, branch)
    for cell in notebook["cells"]:
        for tag in set(cell["metadata"].get("tags", [])) & set(owned):
            lines = owned[tag].split("\n", 1)[1].rstrip("\n").splitlines(True)
            cell["source"] = [line[2:] for line in lines] if cell["cell_type"] == "markdown" else lines
    return notebook


def link_readme(text, repository, branch):
    """Fills every `<!-- badges NAME -->...<!-- /badges -->` of README; NAME is a notebook's, or course."""
    pattern = r"(<!-- badges (\S+) -->).*?(<!-- /badges -->)"
    return re.sub(pattern, lambda m: m.group(1) + badges(m.group(2), repository, branch) + m.group(3), text, flags=re.S)


def links(arguments):
    """Writes the course's address into README, the notebooks' sources and the notebooks."""
    repository, branch = address()
    for argument in arguments.rest:
        key, _, value = argument.partition("=")
        if key not in ("REPO", "BRANCH") or not re.fullmatch(r"[\w./-]*", value):
            raise Stop(f"links takes REPO=owner/name and BRANCH=name, not {argument!r}.")
        repository, branch = (value or repository, branch) if key == "REPO" else (repository, value or branch)
    if repository and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise Stop(f"REPO is an owner and a name, like REPO=owner/name, not {repository!r}.")
    write(LINKS, json.dumps({"branch": branch, "repository": repository}, indent=1) + "\n")
    write(ROOT / "README.md", link_readme(read(ROOT / "README.md"), repository, branch))
    for name, path in sources().items():
        write(path, link_source(read(path), name, repository, branch))
        if saved(name).exists():
            save(saved(name), link_notebook(load(saved(name)), name, repository, branch))
    print("links: written for " + (f"{repository}, branch {branch}" if repository else "an address not yet known"))
    return 0


# ------------------------------------------------------------------------------------------- bench and compat


def bench(arguments):
    """Repeats the measured comparisons."""
    return run([set_up(), "bench/run.py", *arguments.rest], environment())


def compat(arguments):
    """Runs unit tests and main notebooks with the versions that Colab has, on its Python where that is found."""
    python = find_python(NEWEST) or require_python()
    print("compat: Python {}.{} with Colab's libraries in .venv-compat".format(*version_of(python)), flush=True)
    venv = ROOT / ".venv-compat"
    if inside(venv).exists() and version_of([str(inside(venv))]) != version_of(python):
        shutil.rmtree(str(venv))
    interpreter = set_up(venv, COLAB_LOCK, python)
    tests = sorted((ROOT / "tests").glob("test_*.py"))
    kept = [path for path in tests if path.stem[len("test_") :] not in COLAB_LEFT_OUT]
    pages = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    return run(pytest_command(interpreter, arguments.rest or [*kept, *pages]), environment())


COMMANDS = {f.__name__: f for f in (lab, test, check, notebooks, bench, compat, links)}


def main(words=None):
    """Reads the command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="course.py", usage=__doc__, add_help=False, allow_abbrev=False)
    parser.add_argument("command", nargs="?", default="help", choices=["help", *COMMANDS], help=argparse.SUPPRESS)
    parser.add_argument("--force", action="store_true", help="notebooks: also those that did not change")
    parser.add_argument("--try", dest="try_out", action="store_true", help="lab: start it, see it answer, stop it")
    arguments, arguments_left = parser.parse_known_args(words)
    arguments.rest = arguments_left
    if arguments.command == "help":
        print(__doc__.strip())
        return 0
    try:
        return COMMANDS[arguments.command](arguments)
    except Stop as reason:
        print(f"course.py: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
