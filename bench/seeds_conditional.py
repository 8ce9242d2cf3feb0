"""Five seeds of notebook 05: python bench/seeds_conditional.py

The notebook builds its models inline, so the recipe is the notebook: its cells run from top to bottom with another
``SEED``, and what they hand to ``checks.expect`` is stored. One run takes three and a half minutes on two cores.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import jupytext
import matplotlib

from gentutor import checks

SOURCE = bands.FOLDER.parent / "notebooks" / "source" / "05_conditional.py"


def cells():
    """Code of the notebook's cells, in their order."""
    return [cell["source"] for cell in jupytext.read(SOURCE)["cells"] if cell["cell_type"] == "code"]


def notebook(seed):
    """Every number of notebook 05 that has a band, with another seed."""
    numbers = {}
    checks.expect = lambda name, value, low, high: numbers.update({name: float(value)})
    matplotlib.use("agg")
    namespace = {}
    for code in cells():
        exec(compile(code.replace("SEED = 0  #", f"SEED = {seed}  #"), str(SOURCE), "exec"), namespace)
    assert namespace["SEED"] == seed
    return numbers


if __name__ == "__main__":
    bands.main("05_conditional", [notebook])
