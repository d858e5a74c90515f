from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lastro.errors import QuestionSetError
from lastro.evaluation.datasets import Question, load_corpus, load_questions, new_questions


def write_questions(path, questions):
    with new_questions(path) as append:
        for question in questions:
            append(question)


def test_a_question_by_hand_needs_little(write):
    path = write('{"question": "Quem é o prático do porto?", "gold_ids": ["harbour.pdf#page=1"]}')
    (question,) = load_questions(path).questions
    assert question.lang == "pt"
    assert question.answerable
    assert question.id == load_questions(path).questions[0].id
    assert question.line == 1


def test_every_field_is_read(write):
    row = {
        "id": "a", "question": "Who?", "answers": ["Ana"], "gold_ids": ["x", "x", "y"], "answerable": True,
        "lang": "pt-BR", "meta": {"grades": {"x": 3, "z": 1}, "own": [1]},
    }  # fmt: skip
    (question,) = load_questions(write(row)).questions
    assert question.gold_ids == ("x", "y")
    assert (question.lang, question.grades, question.meta["own"]) == ("pt", {"x": 3, "z": 1}, [1])


def test_texts_become_nfc_and_a_mark_at_the_beginning_is_passed_over(write):
    apart = unicodedata.normalize("NFD", "São João?")
    path = write({"question": apart, "gold_ids": [apart], "lang": "pt"})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    (question,) = load_questions(path).questions
    assert question.question == "São João?"
    assert question.gold_ids == ("São João?",)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"question": "Who?"}', "gold_ids is missing; say where the answer stands"),
        ('{"gold_ids": ["x"]}', "question is missing"),
        ('{"question": " ", "gold_ids": []}', "question = .*must be a text that is not empty"),
        ('{"question": "Who?", "gold_ids": "x"}', "gold_ids = .*must be a list of texts"),
        ('{"question": "Who?", "gold_ids": ["x"], "answerable": "no"}', "answerable = .*true or false"),
        ('{"question": "Who?", "gold_ids": ["x"], "lang": "portuguese"}', "lang = .*language code"),
        ('{"question": "Who?", "gold_id": ["x"]}', "no field 'gold_id'; did you mean gold_ids?"),
        ('{"question": "Who?", "gold_ids": ["x"], "mine": 1}', "no field 'mine'.*put what is yours under meta"),
        ('{"question": "Who?", "gold_ids": ["x"], "meta": {"grades": {"x": 4}}}', "from 0 to 3"),
        ('{"question": "Who?", "gold_ids": ["x"], "meta": {"grades": {"x": true}}}', "from 0 to 3"),
        ('{"question": "Who?", "gold_ids": ["x"]', "not JSON"),
        ('["Who?"]', "a JSON list; each line is an object"),
        ('{"question": "Who \\ud83d?", "gold_ids": ["x"]}', r"\\ud83d is half of a character"),
        ('{"question": "Who?", "gold_ids": ["x"], "meta": {"\\uDFFF": [1]}}', r"\\udfff is half of a character"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(write, line, problem):
    path = write('{"question": "Fine?", "gold_ids": ["x"]}', "", line)
    with pytest.raises(QuestionSetError, match=problem) as caught:
        load_questions(path)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_a_character_that_json_writes_in_two_halves_is_one(write):
    path = write('{"question": "Who \\ud83d\\ude00?", "gold_ids": ["x"]}')
    assert load_questions(path).questions[0].question == "Who \U0001f600?"


def test_bytes_that_are_no_utf_8_are_told(write):
    path = write({"question": "Who?", "gold_ids": ["x"]})
    path.write_bytes(path.read_bytes() + b'{"question": "\xff"}\n')
    with pytest.raises(QuestionSetError, match=r":2: not UTF-8 at byte 15"):
        load_questions(path)


def test_an_id_that_stands_twice_is_refused_with_both_lines(write):
    row = {"id": "a", "question": "Who?", "gold_ids": ["x"]}
    with pytest.raises(QuestionSetError, match=r":2: id 'a' stands on line 1 already"):
        load_questions(write(row, row))


def test_a_file_that_is_missing_or_empty_is_told(tmp_path, write):
    with pytest.raises(QuestionSetError, match="cannot be read"):
        load_questions(tmp_path / "none.jsonl")
    with pytest.raises(QuestionSetError, match="holds no questions"):
        load_questions(write(""))


def test_a_corpus_is_read_by_the_same_rules(write):
    path = write({"id": "a", "title": "T", "text": "x", "meta": {"page": 2}}, {"id": "b", "text": ""})
    assert [(row.id, row.title, row.text) for row in load_corpus(path)] == [("a", "T", "x"), ("b", "", "")]
    with pytest.raises(QuestionSetError, match=r":2: id 'a' stands on line 1"):
        load_corpus(write({"id": "a", "text": "x"}, {"id": "a", "text": "y"}))
    with pytest.raises(QuestionSetError, match="text is missing"):
        load_corpus(write({"id": "a"}))


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(
    lambda text: unicodedata.normalize("NFC", f"x{text}".strip())
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    questions=st.lists(
        st.builds(
            Question, id=words, question=words, gold_ids=st.lists(words, unique=True, max_size=3).map(tuple),
            answers=st.lists(words, max_size=2).map(tuple), answerable=st.booleans(),
            lang=st.sampled_from(["en", "pt"]),
            meta=st.dictionaries(words.filter(lambda key: key != "grades"), words | st.integers(), max_size=2),
        ),
        min_size=1, max_size=5, unique_by=lambda question: question.id,
    )
)  # fmt: skip
def test_what_is_written_is_read_back(tmp_path, questions):
    path = tmp_path / "round.jsonl"
    path.unlink(missing_ok=True)
    write_questions(path, questions)
    read = load_questions(path).questions
    assert [(q.id, q.question, q.gold_ids, q.answers, q.answerable, q.lang, dict(q.meta)) for q in read] == [
        (q.id, q.question, q.gold_ids, q.answers, q.answerable, q.lang, dict(q.meta)) for q in questions
    ]


def test_nobodys_corrections_are_written_over(write):
    path = write({"question": "Who?", "gold_ids": ["x"]})
    before = path.read_bytes()
    with pytest.raises(QuestionSetError, match="exists already"):
        write_questions(path, [])
    assert path.read_bytes() == before


def test_each_question_is_in_the_file_as_soon_as_it_is_appended(tmp_path):
    path = tmp_path / "new.jsonl"
    with new_questions(path) as append:
        for number in range(3):
            append(Question(str(number), f"Who is {number}?", ("x",)))
            assert len(load_questions(path).questions) == number + 1


def test_a_file_that_got_no_question_is_not_left_behind(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_questions(tmp_path / "new.jsonl"):
        raise KeyboardInterrupt
    assert not (tmp_path / "new.jsonl").exists()
    with pytest.raises(QuestionSetError, match="cannot be written"):
        write_questions(tmp_path / "none" / "new.jsonl", [])


def test_a_line_is_plain_json(tmp_path):
    write_questions(tmp_path / "a.jsonl", [Question("a", "Où est Ana ?\u2028x", lang="fr")])
    (line,) = (tmp_path / "a.jsonl").read_bytes().decode().splitlines(keepends=False)[:1]
    assert json.loads((tmp_path / "a.jsonl").read_bytes())["question"] == "Où est Ana ?\u2028x"
    assert line.startswith('{"id": "a"')


def test_the_questions_that_come_with_the_program_are_a_question_set():
    data = Path(__file__).parents[2] / "evaluation" / "data" / "paraphrases_pt.jsonl"
    assert {question.lang for question in load_questions(data).questions} == {"pt"}
