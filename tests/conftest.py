"""What all unit tests share: quiet libraries, figures without a window, and no time limits inside property tests."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import hypothesis
import matplotlib as mpl
import pytest

pytest.register_assert_rewrite("exercise_answers")

mpl.use("agg")  # not by environment variable: the notebooks' kernels, started by the same pytest, show their figures
hypothesis.settings.register_profile("course", deadline=None, print_blob=True)
hypothesis.settings.load_profile("course")


def pytest_generate_tests(metafunc):
    """The tests of exercise_answers.py take each answer in the lists of the file that imports them."""
    for argument, name in {"right_answer": "RIGHT", "wrong_answer": "WRONG", "empty_answer": "EMPTY"}.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, getattr(metafunc.module, name))


@pytest.fixture(autouse=True, scope="module")
def _learner_mode():
    """Unit tests see `checks` as a learner does, however pytest was started; notebooks keep the strict mode."""
    strict = os.environ.pop("GENTUTOR_STRICT", None)
    yield
    if strict is not None:
        os.environ["GENTUTOR_STRICT"] = strict


@pytest.fixture(autouse=True)
def _close_figures():
    """Figures of one test are gone in the next."""
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
