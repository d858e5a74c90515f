from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from lastro.llm import hardware
from lastro.llm.hardware import default_threads, fits, memory, physical_cores


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    monkeypatch.setattr(hardware, "_CGROUP", tmp_path)

    def set_free(free: int) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=2 * free, available=free))

    return set_free


def test_a_model_with_room_fits(starter: Path, machine: Callable[[int], None]) -> None:
    machine(4_000_000_000)
    fit = fits(starter)
    assert fit.ok
    assert fit.needed == 98_362_432 + 188_743_680 + 150_000_000


def test_a_model_that_fits_with_a_smaller_window_is_told_which(starter: Path, machine: Callable[[int], None]) -> None:
    machine(320_000_000)
    fit = fits(starter)
    assert not fit.ok
    window = int(fit.advice.split(" to ")[1].split()[0])
    assert 1024 <= window < 8192
    assert fits(starter, window).ok
    assert not fits(starter, window + 256).ok


def test_a_model_too_large_for_any_window_asks_for_a_smaller_one(starter: Path, machine: Callable[[int], None]) -> None:
    machine(200_000_000)
    assert "smaller model" in fits(starter).advice


def test_a_containers_limit_counts(machine: Callable[[int], None], tmp_path: Path) -> None:
    machine(4_000_000_000)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert (memory().total, memory().available) == (1_000_000, 600_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory().available == 4_000_000_000


def test_free_gpu_memory_counts_where_layers_go_there(
    starter: Path, machine: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(200_000_000)
    cuda = SimpleNamespace(is_available=lambda: True, device_count=lambda: 2, mem_get_info=lambda _: (10**9, 2 * 10**9))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert memory().gpu == 2 * 10**9
    assert fits(starter).ok
    assert not fits(starter, gpu_layers=0).ok


def test_cores_are_at_least_one_and_at_most_what_the_container_gives(
    machine: Callable[[int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 16)
    if hasattr(hardware.os, "sched_getaffinity"):
        monkeypatch.setattr(hardware.os, "sched_getaffinity", lambda _: set(range(12)))
    assert physical_cores() in {12, 16}
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert physical_cores() == 3
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert physical_cores() in {12, 16}
    (tmp_path / "cpu.max").write_text("0 100000\n")
    assert physical_cores() == 1


@pytest.mark.parametrize(("cores", "spinning"), [(1, 1), (2, 1), (3, 2), (16, 15)])
def test_every_core_is_used_only_where_waiting_threads_sleep(
    monkeypatch: pytest.MonkeyPatch, cores: int, spinning: int
) -> None:
    monkeypatch.setattr(hardware, "physical_cores", lambda: cores)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    assert default_threads() == cores
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert default_threads() == spinning
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert default_threads() == spinning


def test_a_model_that_is_not_here_yet_is_judged_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "memory", lambda: hardware.Memory(total=16 * 10**9, available=8 * 10**9, gpu=None))
    assert hardware.fits_bytes(4_920_000_000).ok
    assert not hardware.fits_bytes(42_520_000_000).ok
    assert hardware.fits_bytes(42_520_000_000).advice
