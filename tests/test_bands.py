"""Every band in a notebook is the one in a table of bench/, and the tables' arithmetic is right."""

import ast
import csv
import pathlib
import sys

import numpy as np
import pytest
import scipy.stats

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
SOURCES = sorted((ROOT / "notebooks" / "source").rglob("*.py"))
TABLES = sorted((ROOT / "bench").glob("bands_*.csv"))


def load_bands(monkeypatch):
    """The module bench/bands.py, without letting it move this process to two cores."""
    monkeypatch.delattr("os.sched_setaffinity", raising=False)
    import bands

    return bands


def table_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def known_bands():
    """{name: (low, high)} from all tables; a name must not appear twice."""
    rows = [(row["name"], float(row["low"]), float(row["high"])) for path in TABLES for row in table_rows(path)]
    names = [name for name, _, _ in rows]
    assert len(names) == len(set(names)), f"names in two tables: {sorted({n for n in names if names.count(n) > 1})}"
    return {name: (low, high) for name, low, high in rows}


def expectations(text):
    """(name, low, high) of every checks.expect(name, value, low, high) in a source; None for what is no literal."""

    def literal(node):
        try:
            return ast.literal_eval(node)
        except ValueError:
            return None

    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("%", "!")))
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    calls = [call for call in calls if ast.unparse(call.func) == "checks.expect"]
    return [tuple(literal(call.args[i]) if i < len(call.args) else None for i in (0, 2, 3)) for call in calls]


def problems(text, tables):
    """What is wrong with the bands of a source, as sentences."""
    for name, low, high in expectations(text):
        if None in (name, low, high):
            yield f"expect({name!r}, ...): name, low and high must be written out"
        elif name not in tables:
            yield f"expect({name!r}, ...): no table in bench/ has this name"
        elif (low, high) != tables[name]:
            yield f"expect({name!r}, value, {low}, {high}): the table says {tables[name]}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_bands_in_notebooks_are_those_of_the_tables(source):
    assert list(problems(source.read_text(encoding="utf-8"), known_bands())) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [("checks.expect('a', v, 1, 2.5)", None), ("checks.expect('a', v, 0.9, 2.5)", "the table says"),
     ("checks.expect('b', v, 1, 2)", "no table"), ("checks.expect('a', v, x, 2.5)", "written out"),
     ("checks.expect('a', v, low=1, high=2.5)", "written out")],
)  # fmt: skip
def test_a_wrong_band_is_found(line, message):
    found = list(problems(f"v = 2\n{line}\n", {"a": (1.0, 2.5)}))
    assert (message is None and not found) or (len(found) == 1 and message in found[0])


@pytest.mark.parametrize("path", [path for path in TABLES if path.stem != "bands_known"], ids=lambda path: path.stem)
def test_tables_hold_mean_and_three_sd_of_five_seeds(path):
    for row in table_rows(path):
        values = [float(row[f"seed_{seed}"]) for seed in range(5)]
        mean, sd = np.mean(values), np.std(values, ddof=1)
        assert int(row["n"]) == 5
        assert float(row["mean"]) == pytest.approx(mean, rel=1e-4)
        for end, sign in (("low", -1), ("high", 1)):
            gap = sign * (float(row[end]) - mean)  # rounded outwards, by less than a tenth of the sd or the 5th digit
            assert 3 * sd - 1e-5 * abs(mean) <= gap <= 3.1 * sd + 2e-5 * abs(mean), f"{row['name']}: {end}"


def test_known_bands_give_their_reason():
    for row in table_rows(ROOT / "bench" / "bands_known.csv"):
        assert float(row["low"]) < float(row["high"])
        assert len(row["reason"]) > 10


def test_three_sd_of_five_is_a_95_percent_prediction_interval(monkeypatch):
    """How often one more draw lies within mean ± 3 sd of five, by simulation and by Student's t."""
    bands, rng = load_bands(monkeypatch), np.random.default_rng(0)
    rows = [(bands.summary(list(draw[:5])), draw[5]) for draw in rng.normal(10.0, 2.0, size=(4000, 6))]
    share = np.mean([float(row["low"]) <= last <= float(row["high"]) for row, last in rows])
    exact = 1.0 - 2.0 * scipy.stats.t.sf(3.0 / np.sqrt(1.0 + 1.0 / 5.0), df=4)
    assert exact == pytest.approx(0.95, abs=0.003)
    assert share == pytest.approx(exact, abs=4 * np.sqrt(0.05 * 0.95 / 4000) + 0.004)  # rounding widens a little


def test_runs_are_stored_by_seed_and_kept(tmp_path, monkeypatch, capfd):
    """A recipe runs once for each seed, in its own process; a second call runs nothing again."""
    bands = load_bands(monkeypatch)
    script, log = tmp_path / "recipe.py", tmp_path / "log.txt"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'bench')!r})\nimport bands, pathlib\n"
        f"def square(seed):\n    open({str(log)!r}, 'a').write(str(seed))\n    return {{'seed squared': seed**2}}\n"
        f"bands.FOLDER = pathlib.Path({str(tmp_path)!r})\nbands.main('demo', [square])\n"
    )
    monkeypatch.setattr(bands, "FOLDER", tmp_path)
    for arguments in (["--seeds", "1", "3"], [], []):
        bands.subprocess.run([sys.executable, str(script), *arguments], check=True)
    row = bands.read(tmp_path / "bands_demo.csv")["seed squared"]
    assert sorted(log.read_text()) == list("01234")
    assert [row[f"seed_{seed}"] for seed in range(5)] == [0, 1, 4, 9, 16]
    assert row["mean"] == 6.0
    assert row["sd"] == pytest.approx(np.std([0, 1, 4, 9, 16], ddof=1), rel=1e-5)
    assert 'checks.expect("seed squared", value, ' in capfd.readouterr().out


def test_the_table_of_bars_says_pass_and_fail(monkeypatch):
    load_bands(monkeypatch)
    import run

    assert [run.verdict(value, "<= 60") for value in (59.9, 60, 60.1)] == [True, True, False]
    assert [run.verdict(value, ">= 15") for value in (14.9, 15)] == [False, True]
    names = [bar.name for bar in run.BARS]
    assert len(names) == len(set(names))
    part = {"date": "2026-01-01", "machine": {"cores used": 2}, "values": {"00: notebook": 61.0, "01: notebook": 12.0}}
    lines = run.table_lines({"notebooks": part})
    assert "| 00: notebook | 61 s | ≤ 60 | FAIL |" in lines
    assert "| 01: notebook | 12 s | ≤ 120 | pass |" in lines
    assert "| 02: notebook | not measured yet | ≤ 240 |  |" in lines
    assert lines[-1].endswith("cores used 2")
