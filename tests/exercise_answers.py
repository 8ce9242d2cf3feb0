"""The three questions that every exercise's check must answer; a test file imports them beside its own answers.

It lists RIGHT (check, attempt), WRONG (check, attempt, words of the hint) and EMPTY (check, attempt); conftest.py makes
one test of each.
"""

import re

import pytest


def test_right_answers_are_taken(right_answer, capsys):
    check, attempt = right_answer
    assert check(attempt) is True
    assert re.fullmatch(r"✓ [\w ]+: correct\n", capsys.readouterr().out)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_usual_wrong_answers_get_their_hint(wrong_answer, capsys):
    check, attempt, words = wrong_answer
    assert check(attempt) is False
    assert re.search(words, capsys.readouterr().out)


def test_open_exercises_are_not_attempted(empty_answer, capsys):
    check, attempt = empty_answer
    assert check(attempt) is None
    assert capsys.readouterr().out.endswith(": not attempted yet\n")
