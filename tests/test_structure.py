"""The shape of the code: who imports whom, what is public, what importing costs, what is never used."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("ingest", "vectorstore", "prompts", "llm", "chains", "evaluation", "ui")
BASE = {
    "types",
    "config",
    "errors",
    "events",
    "failpoints",
    "language",
    "detection",
    "sentences",
    "unsegmented",
    "offline",
    "threads",
}
MAY_IMPORT: dict[str, set[str]] = {
    "prompts": BASE,
    "llm": BASE,
    "vectorstore": BASE | {"llm.models", "llm.cards", "llm.folders"},
    "ingest": BASE,
    "chains": BASE | {"vectorstore", "llm", "prompts"},
    "evaluation": BASE | {"ingest", "chains", "vectorstore", "llm", "prompts", "opening", "setting_errors"},
    "ui": BASE | {"ingest", "chains", "vectorstore", "llm", "prompts", "opening"},
}
NEVER_IN_UI = ("llm.engine", "vectorstore.catalog")


def sources(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The lastro modules that a file imports, without the leading `lastro.`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "lastro":
            below = node.module.partition(".")[2]
            yield from ([below] if below else (alias.name for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("lastro."))


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_imports_only_what_lies_below_it(folder: str) -> None:
    allowed = MAY_IMPORT[folder] | {folder}
    for path in sources(folder):
        for module in imports(path):
            inside = any(module == name or module.startswith(f"{name}.") for name in allowed)
            assert inside or (folder == "ui" and module in PUBLIC), f"{path.relative_to(ROOT)} imports lastro.{module}"


PUBLIC = {"open_library", "answer_chain", "load_settings", "chat_model"}


def test_the_page_never_reaches_into_the_engine_or_the_catalogue() -> None:
    for path in sources("ui"):
        assert not set(imports(path)) & set(NEVER_IN_UI), path


@pytest.mark.parametrize("folder", [*FOLDERS, "src/lastro"])
def test_nothing_loads_code_from_data(folder: str) -> None:
    forbidden = {"pickle", "shelve", "marshal", "dill", "joblib"}
    for path in sources(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            assert not names & forbidden, path
            if isinstance(node, ast.keyword):
                risky = node.arg in ("trust_remote_code", "unsafe_allow_html")
                assert not risky or ast.unparse(node.value) == "False", path
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("torch.load", "eval", "exec"), path


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_lastro_is_light() -> None:
    heavy = "torch sentence_transformers chromadb llama_cpp streamlit langchain_core kreuzberg transformers pydantic"
    loaded = run(f"import lastro, sys; print([name for name in '{heavy}'.split() if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_everything_public_can_be_had() -> None:
    import lastro

    for name in lastro.__all__:
        assert getattr(lastro, name) is not None
    assert dir(lastro) == sorted(dir(lastro))
    with pytest.raises(AttributeError, match="nonsense"):
        lastro.nonsense  # noqa: B018


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names inside a wheel built from a copy of the tracked files."""
    import zipfile

    out, copy = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("copy") / "lastro"
    # A build leaves its folders in the checkout; a copy keeps it clean and shows that stale ones are not needed.
    passed_by = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=passed_by)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        str(copy),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def test_the_wheel_holds_every_module_prompt_and_string(wheel: list[str]) -> None:
    wanted = {f"lastro/{path.relative_to(ROOT)}" for folder in FOLDERS for path in sources(folder)}
    wanted |= {f"lastro/{path.relative_to(ROOT / 'src/lastro')}" for path in (ROOT / "src/lastro").glob("*.py")}
    wanted |= {f"lastro/{path.relative_to(ROOT)}" for path in (ROOT / "prompts").rglob("*.md")}
    wanted |= {f"lastro/{path.relative_to(ROOT)}" for path in (ROOT / "ui/strings").iterdir() if path.is_file()}
    data = [path for kind in ("*.jinja", "*.css", "data/*.jsonl") for path in (ROOT / "evaluation").glob(kind)]
    wanted |= {f"lastro/{path.relative_to(ROOT)}" for path in data}
    wanted.add("lastro/py.typed")
    assert wanted <= set(wheel)


def test_the_wheel_puts_nothing_else_on_the_users_path(wheel: list[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info" not in name} == {"lastro"}
    assert len(wheel) == len(set(wheel))
