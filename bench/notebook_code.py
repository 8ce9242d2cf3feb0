"""What a notebook defines, for recipes that repeat its runs: the functions are written once, in the notebook."""

import ast
import pathlib
import types

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "notebooks" / "source"


def definitions(name, kept=()):
    """Imports, functions and classes of a notebook, and its assignments to names in ``kept``, as attributes.

    Compiled under the source's own path and line numbers, so that ``tf.function`` finds the text of what it traces.
    """
    path, found = SOURCES / f"{name}.py", {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)) or (
            isinstance(node, ast.Assign) and names & set(kept)
        ):
            exec(compile(ast.Module([node], []), str(path), "exec"), found)
    return types.SimpleNamespace(**found)
