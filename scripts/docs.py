"""Write the generated pages of docs/, or with --check say which are out of date and which links lead nowhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def settings_page() -> str:
    """The reference of every setting, from the settings tree itself."""
    from lastro.config import Settings

    lines = [
        "# Settings",
        "",
        "Made from the settings tree by `make docs`. A value comes from the first of: an argument, an environment",
        "variable, `lastro.toml` in `LASTRO_HOME`, the default. `lastro config` prints the effective values and where",
        "each came from. An unknown name is an error.",
        "",
    ]
    for section, section_field in Settings.model_fields.items():
        model = type(section_field.default)
        lines += [f"## `[{section}]`", "", f"{model.__doc__}", ""]
        lines += ["| name | default | rule | what it is |", "|---|---|---|---|"]
        schema = model.model_json_schema()["properties"]
        for name, field in model.model_fields.items():
            lines.append(f"| `{name}` | `{field.default!r}` | {_rule(schema[name])} | {field.description} |")
        first = next(iter(model.model_fields))
        lines += ["", f"Environment: `LASTRO_{section.upper()}__{first.upper()}` and so on.", ""]
    return "\n".join(lines)


def _rule(schema: dict[str, object]) -> str:
    options = schema.get("anyOf")
    parts: list[dict[str, object]] = (
        [part for part in options if isinstance(part, dict)] if isinstance(options, list) else [schema]
    )
    found = []
    for part in parts:
        if isinstance(part.get("enum"), list):
            found.append(" / ".join(f"`{value}`" for value in part["enum"]))  # type: ignore[attr-defined]
        signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
        bounds = [f"{sign} {part[key]:,}" for key, sign in signs.items() if key in part]
        found.append(", ".join([str(part.get("type", "")), *bounds]) if "enum" not in part else "")
    return ", or ".join(rule.replace("null", "none") for rule in found if rule)


def cli_page() -> str:
    """The reference of the command line, from its own help."""
    import typer
    from typer.testing import CliRunner

    from lastro.cli import app

    runner = CliRunner(env={"COLUMNS": "110", "TERM": "dumb", "NO_COLOR": "1"})
    lines = ["# Command line", "", "Made from the program's own help by `make docs`."]

    def describe(path: list[str], command: object) -> None:
        text = runner.invoke(app, [*path, "--help"], prog_name="lastro", color=False).stdout
        lines.extend(["", f"## `{' '.join(['lastro', *path])}`", "", "```", text.strip(), "```"])
        for name, below in getattr(command, "commands", {}).items():
            describe([*path, name], below)

    describe([], typer.main.get_command(app))
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()) + "\n"


PAGES = {"docs/settings.md": settings_page, "docs/cli.md": cli_page}


def stale_pages() -> list[str]:
    """A line for each generated page that is not what it should be."""
    found = []
    for name, make in PAGES.items():
        page = ROOT / name
        if not page.exists() or page.read_text(encoding="utf-8") != make():
            found.append(f"{name}: out of date; run `make docs`")
    return found


def broken_links() -> list[str]:
    """A line for each relative link of a tracked Markdown page that leads nowhere."""
    tracked = subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    found = []
    for name in tracked.split():
        if name.startswith(("prompts/", "examples/documents/")):
            continue
        page = ROOT / name
        for match in _LINK.finditer(page.read_text(encoding="utf-8")):
            target = (match.group(1) or match.group(2)).split("#")[0]
            if (
                target
                and "://" not in target
                and not target.startswith("mailto:")
                and not (page.parent / target).exists()
            ):
                found.append(f"{name}: link to {target} leads nowhere")
    return found


def main() -> int:
    """Write the pages, or check them; 1 where something is wrong."""
    if "--check" in sys.argv:
        problems = stale_pages() + broken_links()
        sys.stdout.write("\n".join(problems) + ("\n" if problems else "docs: up to date, every link leads somewhere\n"))
        return 1 if problems else 0
    for name, make in PAGES.items():
        (ROOT / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
