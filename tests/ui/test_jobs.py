import threading

import pytest

from lastro.errors import LibraryLocked
from lastro.events import (
    Checked,
    ClaimChecked,
    FileFinished,
    FileStarted,
    Retried,
    Retrieved,
    StageProgress,
    Token,
)
from lastro.types import AddReport, Answer, FileResult, Passage, Upload, Usage
from lastro.ui.jobs import AnswerJob, Draft, JobRunner, LoadJob

ANSWER = Answer("Why?", "So.", "not_found", (), (), (), (), Usage(), "en")
PASSAGE = Passage("c", "d", "Lease", "text", 0, 4, 1, 1, "", 1, 1.0)
SOON = 20  # seconds; a bound for a broken build, not a measurement


def answer_job(events, keep=lambda job: None, ready=()):
    return AnswerJob("Why?", events, keep, ready=ready)


def test_an_answer_grows_and_is_kept_when_it_ends():
    kept = []
    runner = JobRunner()
    steps = [Retrieved("Why?", (PASSAGE,)), Token("S"), Token("o."), Checked(ANSWER)]
    job = answer_job(lambda cancel: iter(steps), lambda job: kept.append(job.answer))
    assert runner.start_answer("a", job)
    assert job.wait(SOON)
    assert (job.draft.text, job.found, job.stage, job.state) == ("So.", 1, "writing", "done")
    assert kept == [ANSWER]
    assert runner.answer("a") is None


def test_a_second_try_clears_the_draft_and_its_checks():
    first, second = ClaimChecked("So.", "unsupported", 0.1), ClaimChecked("Thus.", "verbatim", 1.0)
    seen = []

    def events(cancel):
        for event in (Token("So."), first, Retried((PASSAGE,)), Token("Thus."), second, Checked(ANSWER)):
            yield event
            seen.append(job.draft)

    job = answer_job(events)
    job.start()
    assert job.wait(SOON)
    assert seen[1] == Draft("So.", (first,))
    assert seen[2] == Draft(again=True)
    assert seen[-1] == Draft("Thus.", (second,), again=True)


def test_an_answer_goes_on_while_nobody_watches_and_can_be_found_again():
    gate, runner = threading.Event(), JobRunner()

    def events(cancel):
        yield Token("half")
        gate.wait(SOON)
        yield Checked(ANSWER)

    job = answer_job(events)
    runner.start_answer("a", job)
    assert runner.answer("a") is job
    assert not runner.start_answer("a", answer_job(events)), "one answer a conversation"
    gate.set()
    assert job.wait(SOON)
    assert job.answer == ANSWER


def test_a_cancelled_answer_ends_with_what_was_written():
    begun, runner = threading.Event(), JobRunner()

    def events(cancel):
        yield Token("half")
        begun.set()
        cancel.wait(SOON)
        yield Checked(ANSWER)

    job = answer_job(events)
    runner.start_answer("a", job)
    assert begun.wait(SOON)
    job.cancel()
    assert job.wait(SOON)
    assert job.cancelled
    assert job.answer == ANSWER


def test_an_answer_waits_for_the_model_and_can_be_stopped_meanwhile():
    gate, asked = threading.Event(), []
    loading = LoadJob(lambda: gate.wait(SOON) and None)
    loading.start()
    job = answer_job(lambda cancel: asked.append(1) or iter(()), ready=(loading,))
    job.start()
    assert job.stage == "loading"
    job.cancel()
    assert job.wait(SOON)
    assert asked == []
    gate.set()
    assert loading.wait(SOON)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (LibraryLocked("x: locked; wait"), "x: locked; wait"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
    ],
)
def test_an_error_is_one_line_for_the_reader(error, line):
    def events(cancel):
        raise error
        yield

    kept = []
    job = answer_job(events, lambda job: kept.append(job.error))
    job.start()
    assert job.wait(SOON)
    assert (job.state, job.error) == ("failed", line)
    assert kept == [line]


def test_an_answer_that_cannot_be_kept_says_so():
    def keep(job):
        raise OSError("disk full")

    job = answer_job(lambda cancel: iter([Checked(ANSWER)]), keep)
    job.start()
    assert job.wait(SOON)
    assert (job.state, job.error) == ("failed", "OSError: disk full")


def test_the_second_conversation_is_told_that_it_waits():
    gate, reading, runner = threading.Event(), threading.Event(), JobRunner()

    def first(cancel):
        yield Retrieved("Why?", ())
        yield Token("x")
        gate.wait(SOON)

    def second(cancel):
        yield Retrieved("Why?", ())
        reading.set()
        gate.wait(SOON)

    one, two = answer_job(first), answer_job(second)
    runner.start_answer("a", one)
    runner.start_answer("b", two)
    assert reading.wait(SOON)
    assert runner.waits_for_the_model(two)
    assert not runner.waits_for_the_model(one)
    gate.set()
    assert one.wait(SOON)
    assert two.wait(SOON)
    assert not runner.waits_for_the_model(two)


def test_each_file_of_a_batch_has_its_own_progress_and_result():
    seen, runner, given = [], JobRunner(), threading.Event()

    def add(uploads, on_event, cancel):
        given.wait(SOON)
        on_event(FileStarted("a.pdf", 1, 2))
        on_event(StageProgress("a.pdf", "embed", 1, 2))
        seen.append((job.files[0].stage, round(job.files[0].fraction, 2), job.files[1].stage))
        good = FileResult("a.pdf", "ok", "d", 3)
        on_event(FileFinished(good, 1, 2))
        on_event(FileStarted("tidied.pdf", 2, 2))
        bad = FileResult("tidied.pdf", "failed", reason="encrypted")
        on_event(FileFinished(bad, 2, 2))
        return AddReport((good, bad))

    job = runner.start_ingest([Upload("a.pdf", b"1"), Upload("b.pdf", b"2")], add)
    given.set()
    assert job.wait(SOON)
    assert seen == [("embed", 0.55, "waiting")]
    assert [file.result.state for file in job.files if file.result is not None] == ["ok", "failed"]
    assert job.files[0].fraction == 1.0


def test_batches_are_added_one_after_another_and_dismissed_when_done():
    order, runner, gate = [], JobRunner(), threading.Event()

    def add(uploads, on_event, cancel):
        order.append(f"+{uploads[0].name}")
        gate.wait(SOON)
        order.append(f"-{uploads[0].name}")
        return AddReport(())

    one = runner.start_ingest([Upload("1", b"")], add)
    two = runner.start_ingest([Upload("2", b"")], add)
    runner.dismiss(one)
    assert runner.batches() == [one, two], "a running batch stays"
    gate.set()
    assert one.wait(SOON)
    assert two.wait(SOON)
    assert order in (["+1", "-1", "+2", "-2"], ["+2", "-2", "+1", "-1"])
    runner.dismiss(one)
    assert runner.batches() == [two]


def test_a_batch_that_fails_as_a_whole_says_why():
    def add(uploads, on_event, cancel):
        raise LibraryLocked("default: held by process 7; try later")

    job = JobRunner().start_ingest([Upload("1", b"")], add)
    assert job.wait(SOON)
    assert job.error == "default: held by process 7; try later"
    assert job.files[0].result is None
