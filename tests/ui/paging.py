"""The pages worked without a browser, and what they show."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from lastro.ui import launch
from lastro.ui.conversations import new_id

LEASE = b"""# Lease of the mill

## Rent

The monthly rent of the mill is 900 dollars.

## Deposit

On signing, the tenant pays a security deposit of 2700 dollars.

## Insurance

Flood and fire are insured by the landlord, at the landlord's cost.

## Keys

Three keys were handed over; a lost key costs 40 dollars.

## Repairs

The tenant repairs windows and doors, the landlord the roof.
"""
QUESTION = "What is the monthly rent of the mill?"
DRAFT = "lastro-answer lastro-draft"
SOON = 60  # seconds; a bound for a broken build, not a measurement


def page(language="en", **query):
    app = AppTest.from_file(str(launch.APP), default_timeout=60)
    app.query_params["lang"] = language
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def shown(app):
    pieces = [element.proto.body for element in app.get("html")]
    pieces += [
        element.value for kind in ("markdown", "caption", "error", "info", "warning") for element in app.get(kind)
    ]
    return "\n".join(pieces)


def ask(app, parts, question=QUESTION):
    app.chat_input(key="question").set_value(question).run()
    finish(app, parts)


def shown_answer(parts, answer, language="en"):
    """The page of a conversation that holds an answer."""
    key = new_id()
    parts.conversations.ask(key, answer.question, owner="me")
    parts.conversations.finish(key, answer=answer)
    app = page(language, c=key)
    assert not app.exception
    return app


def finish(app, parts):
    job = parts.jobs.answer(app.session_state["conversation"])
    assert job is None or job.wait(SOON)
    app.run()
    assert not app.exception
