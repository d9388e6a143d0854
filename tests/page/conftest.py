"""The page in Debian's Chromium: as the service gives it, and as a folder on a static host."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from mnist_edge.errors import DownloadError
from mnist_edge.serve import onnxruntime_web
from tests.conftest import run_command
from tests.page import hosting
from tests.page.hosting import BROWSER, Host
from tests.page.pointer import Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

OpenTab: TypeAlias = Callable[..., Tab]

# Where on a static host the folder lies: anywhere.
PREFIX = "some/where"

# Until what a page is waited for does not come, whatever the machine.
MILLISECONDS = 120_000


# Playwright runs once at a time in a process, and other tests use it, too.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or another of that name."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=[*BROWSER])
        yield started
        started.close()


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The variables of a cache that holds onnxruntime-web, fetched once for all runs."""
    folder = str(request.config.cache.mkdir("onnxruntime-web"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", folder)
        try:
            onnxruntime_web.fetch()
        except DownloadError as error:
            pytest.skip(f"onnxruntime-web cannot be had here: {error.cause}")
        yield {"XDG_CACHE_HOME": folder}


@pytest.fixture(scope="module")
def service(cache: dict[str, str]) -> Iterator[Host]:
    """The service, which can let the browser read as well."""
    with hosting.serving(env=cache) as host:
        yield host


@pytest.fixture
def static(cache: dict[str, str], tmp_path: Path) -> Iterator[Host]:
    """What `mnist-edge page` writes, on a static host."""
    finished = run_command("page", "--out", PREFIX, cwd=tmp_path, env=cache)
    assert finished.code == 0, finished.stderr
    assert finished.stdout.startswith(f"{PREFIX}: 1")  # and some MB
    with hosting.static(tmp_path, PREFIX) as host:
        yield host


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Open the page in a tab; in the end none has said anything or asked another host."""
    contexts: list[BrowserContext] = []
    said: list[str] = []
    asked: list[tuple[str, str]] = []

    def open_(host: Host, **options: Any) -> Tab:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})
        context.set_default_timeout(MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append((host.address, request.url)))
        page.goto(host.address)
        return Tab(page)

    yield open_
    for context in contexts:
        context.close()
    assert said == []
    own = ("blob:", "data:")
    assert [url for host, url in asked if not url.startswith((host.partition("#")[0], *own))] == []


def npm_package(name: str, version: str) -> Path:
    """Return the unpacked folder of a package for tests, or skip the test."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here: apt-get install npm")
    folder = Path(tempfile.mkdtemp())
    packed = subprocess.run(
        [npm, "pack", f"{name}@{version}"], cwd=folder, capture_output=True, check=False
    )
    if packed.returncode:
        pytest.skip(f"{name} cannot be had from npm here")
    (archive,) = folder.glob("*.tgz")
    shutil.unpack_archive(archive, folder, filter="data")
    return folder / "package"
