"""What is wrong with a setting, in words: the name, the value, the rule, and the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

# The rule that each of pydantic's kinds of error stands for; braces are filled from the error's own context.
_RULES = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be {expected}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "model_type": "is a section; set one of its names",
    "model_attributes_type": "is a section; set one of its names",
    "dict_type": "is a section; set one of its names",
}


def explain(error: ValidationError, tree: type[BaseModel]) -> str:
    """Everything that a validation of `tree`, or of one section, found wrong, in one line."""
    return "; ".join(_problem(item["loc"], item, tree) for item in error.errors())


def _problem(place: tuple[int | str, ...], item: Mapping[str, Any], tree: type[BaseModel]) -> str:
    name = ".".join(str(part) for part in place)
    if item["type"] == "extra_forbidden":
        return f"{name}: no such setting{did_you_mean(name, names(tree))}"
    rule = _RULES.get(item["type"])
    told = str(item["msg"]) if rule is None else rule.format(**{k: _plain(v) for k, v in item.get("ctx", {}).items()})
    return f"{name} = {item.get('input')!r}: {told}"


def _plain(value: Any) -> Any:
    """A limit as a reader writes it: 2, not 2.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def names(tree: type[BaseModel]) -> list[str]:
    """The dotted names of a tree's settings, and of its sections.

    >>> from lastro.config import Settings
    >>> [name for name in names(Settings) if name.startswith("ui")]
    ['ui', 'ui.language', 'ui.host', 'ui.port', 'ui.max_upload_mb']
    """
    found = []
    for name, field in tree.model_fields.items():
        found.append(name)
        if isinstance(field.default, BaseModel):
            found += [f"{name}.{below}" for below in names(type(field.default))]
    return found


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The known name that is nearest, as the end of a sentence; "" where none is near.

    >>> did_you_mean("llm.temprature", ["llm.temperature", "llm.seed"]), did_you_mean("x", ["llm"])
    ('; did you mean llm.temperature?', '')
    """
    choices = list(known)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.7)
    if not near:  # the right name in the wrong section
        near = [choice for choice in choices if choice.rpartition(".")[2] == name.rpartition(".")[2]][:1]
    return f"; did you mean {near[0]}?" if near else ""
