"""The core of the checks: what they print, when they raise, and which forms of an answer they take."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gentutor import checks

FORMS = {
    "NumPy": np.asarray,
    "NumPy float32": lambda value: np.asarray(value, np.float32),
    "NumPy integers": lambda value: np.asarray(value, np.int64),
    "TensorFlow": lambda value: tf.constant(value, tf.float32),
    "TensorFlow variable": lambda value: tf.Variable(value, dtype=tf.float32),
    "Keras": lambda value: keras.ops.convert_to_tensor(value, "float32"),
    "Keras variable": lambda value: keras.Variable(np.asarray(value, np.float32)),
    "plain": lambda value: value,
}


def judge(attempt, expected, *arguments, hint="look at the sign"):
    return checks.exercise("double", attempt, [(arguments, expected, hint)])


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setenv("GENTUTOR_STRICT", "1")


class TestSame:
    def test_says_that_two_functions_agree(self, capsys):
        assert checks.same(lambda x, y: y * x, np.multiply, 2.0, np.ones(3)) is True
        assert capsys.readouterr().out == "✓ same as multiply\n"

    @pytest.mark.filterwarnings("ignore:invalid value")
    def test_says_by_how_much_they_differ(self, capsys):
        assert checks.same(lambda x: 1.1 * x, np.positive, np.array([1.0, -100.0])) is False
        assert "same as positive: they differ by 0.1 of the largest value, expected 0.0001" in capsys.readouterr().out
        assert checks.same(lambda x: x * np.nan, np.positive, np.ones(2)) is False

    @given(st.floats(1e-3, 1e6), st.floats(0, 1))
    def test_the_difference_is_relative_to_the_size(self, size, share):
        gap = share * 2e-4
        if abs(gap - 1e-4) > 1e-8:
            agree = gap * size / max(size, 1.0) <= 1e-4
            assert checks.same(lambda x: x * (1 + gap), np.positive, np.array([size, -size / 2])) is agree

    def test_says_that_shapes_differ(self, capsys):
        assert checks.same(lambda x: x[:, None], np.positive, np.ones(3)) is False
        assert "your shapes are [(3, 1)], expected [(3,)]" in capsys.readouterr().out

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("container", [tuple, list])
    def test_compares_each_part_of_several(self, form, container):
        form = "NumPy" if (form, container) == ("plain", list) else form  # a list of plain lists is one array
        right, wrong = ([FORMS[form]([1, 2]), FORMS[form]([[third]])] for third in (3, 4))
        reference = np.array([1.0, 2.0]), np.array([[3.0]])
        assert checks.same(lambda: container(right), lambda: reference) is True
        assert checks.same(lambda: container(wrong), lambda: reference) is False
        assert checks.same(lambda: container(right[:1]), lambda: reference) is False

    def test_an_unanswered_one_is_not_attempted(self, capsys, strict):
        assert checks.same(lambda x: ..., np.exp, 1.0) is None
        assert capsys.readouterr().out == "same as exp: not attempted yet\n"

    def test_strict_mode_raises(self, strict):
        assert checks.same(np.abs, np.abs, np.ones(2)) is True
        with pytest.raises(AssertionError, match="same as exp: they differ by"):
            checks.same(np.abs, np.exp, np.ones(2))


class TestExpect:
    @given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(allow_nan=False))
    def test_true_inside_the_band_and_at_its_ends(self, a, b, c):
        low, value, high = sorted((a, b, c))
        assert checks.expect("loss", value, low, high) is True
        assert checks.expect("loss", low, low, high) is True
        assert checks.expect("loss", high, low, high) is True
        if value > low:
            assert checks.expect("loss", low, value, high) is False
        if value < high:
            assert checks.expect("loss", high, low, value) is False

    def test_prints_value_and_band(self, capsys):
        checks.expect("loss", 1.23456, 1.0, 2.0)
        checks.expect("loss", tf.constant(2.5), 1.0, 2.0)
        good, bad = capsys.readouterr().out.splitlines()
        assert good == "✓ loss = 1.235, expected from 1 to 2."
        assert bad.startswith("✗ loss = 2.5, expected from 1 to 2. Did you change a constant?")

    def test_nan_is_outside_any_band(self):
        assert checks.expect("loss", math.nan, -math.inf, math.inf) is False

    def test_strict_mode_raises(self, strict):
        assert checks.expect("loss", 1.5, 1.0, 2.0) is True
        with pytest.raises(AssertionError, match=r"loss = 2\.5, expected from 1 to 2"):
            checks.expect("loss", 2.5, 1.0, 2.0)

    def test_other_values_of_the_variable_do_not_raise(self, monkeypatch):
        monkeypatch.setenv("GENTUTOR_STRICT", "0")
        assert checks.expect("loss", 2.5, 1.0, 2.0) is False


class TestNotAttempted:
    @pytest.mark.parametrize(
        "attempt",
        [
            ...,
            lambda x: ...,
            lambda x: (..., x),
            lambda x: [x, [..., x]],
            lambda x: 2.0 * ...,
            lambda x: x + ...,
            lambda x: -...,
            lambda x: np.exp(...),
            lambda x: np.asarray(...),
            lambda x: np.asarray([1.0, ...]),
            lambda x: tf.exp(...),
            lambda x: x * tf.reduce_sum(...),
            lambda x: keras.ops.exp(...),
            lambda x: keras.ops.sum(..., axis=-1),
            lambda x: float(...),
        ],
    )
    @pytest.mark.parametrize("argument", [1.5, np.ones((2, 3), np.float32)])
    def test_a_left_over_ellipsis_in_any_place(self, attempt, argument, capsys, strict):
        assert judge(attempt, 2.0, argument) is None
        assert capsys.readouterr().out == "double: not attempted yet\n"

    def test_indexing_with_an_ellipsis_is_an_answer(self):
        assert judge(lambda x: x[..., 0], np.ones(2), np.ones((2, 3))) is True


class TestAnswers:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("right", [3, [1, 2, 3], [[1, 2], [3, 4]]])
    def test_every_form_of_a_right_answer(self, form, right, strict):
        for expected in (right, np.asarray(right, np.float64), tf.constant(right)):
            assert judge(FORMS[form](right), expected) is True
            assert judge(lambda x: FORMS[form](x), expected, right) is True

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("right", [3, [1, 2, 3], [[1, 2], [3, 4]]])
    def test_every_form_of_a_wrong_answer(self, form, right):
        wrong = FORMS[form]((np.asarray(right) + 1).tolist())
        assert judge(wrong, np.asarray(right)) is False
        assert judge(FORMS[form]([right]), np.asarray(right)) is False

    @pytest.mark.parametrize("container", [tuple, list])
    @pytest.mark.parametrize("form", FORMS)
    def test_several_results_come_as_a_tuple_or_list(self, container, form):
        parts = [FORMS[form](part) for part in ([1, 2], 3)]
        expected = np.array([1.0, 2.0]), 3.0
        assert judge(container(parts), expected) is True
        assert judge(container(parts[:1]), expected) is False
        assert judge(container(parts[::-1]), expected) is False
        assert judge(parts[0], expected) is False

    def test_numbers_may_come_as_a_tuple_a_list_or_an_array(self):
        for answer in ((1.0, 2.0), [1.0, 2.0], np.array([1.0, 2.0]), [np.float64(1), np.float32(2)]):
            assert judge(answer, [1.0, 2.0]) is True
            assert judge(answer, np.array([1.0, 2.0])) is True
            assert judge(answer, [np.float64(1), np.float64(2)]) is True

    @given(arrays.arrays(np.float64, (3,), elements=st.floats(-1e6, 1e6)), st.floats(-3, 3), st.integers(0, 2))
    def test_the_tolerance_is_absolute_for_small_and_relative_for_large_numbers(self, target, error, place):
        limit = 1e-4 * (1 + abs(target[place]))
        answer = target.copy()
        answer[place] += error * limit
        if abs(abs(error) - 1) > 1e-3:
            assert judge(answer, target) is bool(abs(error) < 1)

    @pytest.mark.parametrize("right", [True, False])
    def test_booleans(self, right):
        for form in (bool, np.bool_, tf.constant):
            assert judge(form(right), right) is True
            assert judge(form(not right), right) is False
        for wrong in (None, "yes", np.array([right, right]), [right], 2):
            assert judge(wrong, right) is False

    def test_words(self, capsys):
        assert judge("tanh", "tanh") is True
        assert judge(np.str_("tanh"), "tanh") is True
        capsys.readouterr()
        for wrong in ("sigmoid", None, 3, True, ["tanh"], np.array([1.0, 2.0])):
            assert judge(wrong, "tanh", hint="which range has it?") is False
            assert "Hint: which range has it?" in capsys.readouterr().out

    def test_correct_needs_every_case(self, capsys):
        cases = [((1,), 2, "first hint"), ((-1,), -2, "second hint")]
        assert checks.exercise("double", lambda x: 2 * x, cases) is True
        assert capsys.readouterr().out == "✓ double: correct\n"
        assert checks.exercise("double", lambda x: 2 * abs(x), cases) is False
        said = capsys.readouterr().out
        assert "second hint" in said
        assert "first hint" not in said


class TestMessages:
    def said(self, capsys, attempt, expected, *arguments):
        assert judge(attempt, expected, *arguments) is False
        said = capsys.readouterr().out
        assert said.startswith("✗ double: ")
        assert said.endswith("Hint: look at the sign\n")
        return said

    def test_a_wrong_number(self, capsys):
        said = self.said(capsys, lambda x: -2 * x, 3.0, 1.5)
        assert "expected 3., you have -3. for (1.5)" in said

    def test_a_wrong_shape(self, capsys):
        said = self.said(capsys, lambda x: x[None], np.ones(3), np.ones(3))
        assert "expected the shape (3,), yours is (1, 3) for ([1. 1. 1.])" in said

    def test_a_large_array_is_abbreviated(self, capsys):
        said = self.said(capsys, lambda x: x + 1, np.zeros((100, 784)), np.zeros((100, 784)))
        assert "an array of shape (100, 784): [[0. 0. ..." in said
        assert len(said) < 600

    def test_an_error_in_the_answer(self, capsys):
        said = self.said(capsys, lambda x: 1 / 0, 1.0, 1.0)
        assert "your code raised ZeroDivisionError: division by zero" in said
        assert "TypeError" in self.said(capsys, lambda: 1.0, 1.0, 1.0)  # takes no argument

    def test_no_return(self, capsys):
        assert "expected 2., you have None: is a return missing" in self.said(capsys, lambda x: None, 2.0, 1.0)

    @pytest.mark.parametrize("answer", ["two", {"a": 1}, [[1, 2], [3]], object()])
    def test_no_number(self, capsys, answer):
        assert "which is not a number or an array of numbers" in self.said(capsys, answer, 2.0)

    def test_nan(self, capsys):
        assert "you have nan" in self.said(capsys, np.nan, 2.0)

    def test_a_missing_result(self, capsys):
        assert "expected 2 results, you returned 1" in self.said(capsys, lambda: np.ones(2), (np.ones(2), np.ones(2)))

    def test_arguments_that_are_words_or_functions(self, capsys):
        assert "for ('grey', exp)" in self.said(capsys, lambda word, function: 1, 2, "grey", np.exp)

    def test_strict_mode_raises_for_a_wrong_answer_alone(self, strict):
        assert judge(2.0, 2.0) is True
        for wrong in (lambda: 3.0, lambda: 1 / 0, lambda: None):
            with pytest.raises(AssertionError, match="Hint: look at the sign"):
                judge(wrong, 2.0)
