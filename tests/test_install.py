"""The package as `pip install` gives it: a wheel with its data that trains where it is installed; and the locks."""

import hashlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import course

ASSETS = sorted(path for path in (course.ROOT / "gentutor" / "assets").iterdir() if path.is_file())
OURS = (".md", ".mplstyle")  # written for the course, not data
PROJECT = tomllib.loads(course.read(course.ROOT / "pyproject.toml"))["project"]
PROGRAM = """
import pathlib, sys
import numpy as np
import gentutor
from gentutor import data, metrics, networks, vae

assert pathlib.Path(gentutor.__file__).is_relative_to(sys.argv[1]), gentutor.__file__
x = data.load_mnist().x_train[:1000].reshape(1000, 784)
model = vae.VAE(networks.mlp_encoder(2, hidden=(32,)), networks.mlp_decoder(2, hidden=(32,)))
model.compile()
history = model.fit(data.normalize(x, 0.0, 1.0), batch_size=100, epochs=3, verbose=0).history["loss"]
assert history[-1] < history[0] - 50, history
assert metrics.digit_features(model.sample(4, seed=1)).shape[0] == 4
print("trained", np.round(history))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built, without the network, from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(course.ROOT / "gentutor", folder / "source" / "gentutor", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(course.ROOT / name, folder / "source")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    done = subprocess.run([*command, str(folder / "source")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("gentutor-*.whl"))


def test_wheel_carries_modules_data_and_licence(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {f"gentutor/assets/{path.name}" for path in ASSETS} <= held
    assert {f"gentutor/{path.name}" for path in (course.ROOT / "gentutor").glob("*.py")} <= held
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert all(name.startswith("gentutor") for name in held), "the wheel installs nothing but the package"


def test_installed_elsewhere_it_trains(wheel, tmp_path):
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    environment = dict(course.environment(), PYTHONPATH=str(site))
    command = [sys.executable, "-c", PROGRAM, str(site)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "trained" in done.stdout


@pytest.mark.parametrize("path", [path for path in ASSETS if path.suffix not in OURS], ids=lambda path: path.name)
def test_every_asset_has_a_row_with_its_hash(path):
    rows = course.read(path.parent / "README.md").splitlines()
    row = next((row for row in rows if row.startswith(f"| `{path.name}`")), "no row")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in row


def pins(path):
    """Reads a lock: {name: [(version, marker or None), ...]}, and asserts that each pin has a hash."""
    found = {}
    entries = re.split(r"\n(?=[a-z0-9])", course.read(path))
    for entry in entries:
        head = Requirement(entry.split("\\")[0])
        assert "--hash=sha256:" in entry, entry
        version = next(iter(head.specifier)).version
        found.setdefault(canonicalize_name(head.name), []).append((version, head.marker))
    return found


@pytest.mark.parametrize("lock", [course.LOCK, course.COLAB_LOCK], ids=lambda path: path.name)
def test_locks_are_pinned_hashed_and_hold_no_address(lock):
    text = course.read(lock)
    assert all(len(versions) >= 1 for versions in pins(lock).values())
    assert len(pins(lock)) > 100
    assert "://" not in text
    assert "--index-url" not in text
    assert " @ " not in text


@pytest.mark.parametrize(
    ("lock", "extras"),
    [(course.LOCK, ["course"]), (course.COLAB_LOCK, [])],
    ids=lambda value: getattr(value, "name", ""),
)
def test_lock_satisfies_pyproject(lock, extras):
    wanted = list(PROJECT["dependencies"])
    for extra in extras:
        wanted += PROJECT["optional-dependencies"][extra]
    locked = pins(lock)
    for requirement in map(Requirement, wanted):
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version, _ in versions), requirement


def test_colab_lock_holds_what_colab_has():
    lines = [line for line in course.read(course.ROOT / "requirements-colab.in").splitlines() if line[:1].isalpha()]
    locked = pins(course.COLAB_LOCK)
    for requirement in map(Requirement, lines):
        assert all(requirement.specifier.contains(version) for version, _ in locked[requirement.name]), requirement
    assert {"tensorflow==2.20.*", "keras==3.13.*", "numpy==2.1.*", "ipython==7.34.*", "ipywidgets==7.7.*"} <= set(lines)


def test_installed_libraries_are_the_locked_ones():
    for name, versions in pins(course.LOCK).items():
        wanted = [version for version, marker in versions if marker is None or marker.evaluate()]
        if wanted:
            assert Version(importlib.metadata.version(name)) == Version(wanted[0]), name


def test_the_python_range_is_the_same_everywhere():
    declared = SpecifierSet(PROJECT["requires-python"])
    minors = [(3, minor) for minor in range(8, 17)]
    assert [v for v in minors if declared.contains("{}.{}".format(*v))] == [v for v in minors if course.supported(v)]


def test_environment_for_conda_and_binder_takes_the_lock():
    dependencies = yaml.safe_load(course.read(course.ROOT / "environment.yml"))["dependencies"]
    python = next(line for line in dependencies if str(line).startswith("python"))
    version = re.fullmatch(r"python=(3)\.(\d+)", python)
    assert course.supported((int(version[1]), int(version[2])))
    assert [line["pip"] for line in dependencies if isinstance(line, dict)] == [["-r requirements.lock"]]
    assert set(map(str, dependencies[:2])) == {python, "pip"}, "every other library comes from the lock"


def test_binder_installs_the_package_after_the_lock():
    assert "pip install --no-deps --no-build-isolation -e ." in course.read(course.ROOT / "postBuild")


def test_workflow_runs_the_two_commands_on_three_systems():
    job = yaml.safe_load(course.read(course.ROOT / ".github" / "workflows" / "test.yml"))["jobs"]["course"]
    assert {name.split("-")[0] for name in job["strategy"]["matrix"]["os"]} == {"ubuntu", "macos", "windows"}
    commands = [step.get("run", "") for step in job["steps"]]
    assert "python course.py lab --try" in commands
    assert "python course.py test" in commands
    versions = [
        job["strategy"]["matrix"]["python"][0],
        *(row["python"] for row in job["strategy"]["matrix"]["include"]),
    ]
    assert sorted(versions) == ["3.11", "3.12", "3.13"]
