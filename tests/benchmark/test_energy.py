"""The processor's own counters of energy, in a folder like the one Linux has."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.benchmark import energy


def zone(folder: Path, name: str, energy_uj: int, size: int = 1000) -> Path:
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text(f"{size}\n")
    return folder / "energy_uj"


def test_packages_are_added_up_and_their_parts_are_not(tmp_path: Path) -> None:
    first = zone(tmp_path / "intel-rapl:0", "package-0", 100)
    second = zone(tmp_path / "intel-rapl:1", "package-1", 200)
    for folder, name in (("intel-rapl:0:0", "core"), ("intel-rapl:2", "psys"), ("dtpm", "dtpm")):
        zone(tmp_path / folder, name, 0)
    meter = energy.find(tmp_path)
    assert meter
    before = meter.read()
    assert before == [100, 200]
    first.write_text("150\n")
    second.write_text("207\n")
    assert meter.since(before) == 57


def test_a_counter_that_started_again_has_gone_on(tmp_path: Path) -> None:
    counter = zone(tmp_path / "intel-rapl:0", "package-0", 990, size=1000)
    meter = energy.find(tmp_path)
    assert meter
    before = meter.read()
    counter.write_text("15\n")
    assert meter.since(before) == 25


def test_where_nothing_can_be_read_there_is_no_meter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert energy.find(tmp_path) is None
    assert energy.find(tmp_path / "missing") is None
    counter = zone(tmp_path / "intel-rapl:0", "package-0", 1)
    read_text = Path.read_text

    def refuse(path: Path, *arguments: object, **options: object) -> str:
        if path == counter:
            raise PermissionError  # as for everyone but root
        return read_text(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", refuse)
    assert energy.find(tmp_path) is None
