"""Load `mnist-edge serve` on this machine, and write the figures into docs/serve.md.

python tools/load.py [--quick] [--minutes N] [--only NAME…] [--print]

It needs wrk and h2load (Debian: apt-get install wrk nghttp2-client) and the extra `serve`.
Everything happens on the loopback interface, and the clients share the processors with the service.
The pictures are synthetic digits: PNG of 28x28 as MNIST has them, and JPEG of 1200x900 with a digit
on lit, grainy paper. Every run is bounded; --quick takes about two minutes, the default about
twelve. Nothing else may run meanwhile, but beside `--only soak`, which measures no time.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import distribution
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import uvicorn
from markers import between
from packaging.requirements import Requirement
from PIL import Image
from starlette.types import Receive, Scope, Send

from mnist_edge.benchmark import machine
from mnist_edge.data import synthetic
from mnist_edge.documents import to_json
from mnist_edge.runtime import shipped
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.serve.listening import bind, sharing
from mnist_edge.tables import markdown

PAGE = Path(__file__).parents[1] / "docs" / "serve.md"
MODEL = shipped.path("edge.onnx")
WORKERS = 2
CONNECTIONS = 16  # of wrk: enough for the kernel to share them out about evenly

TURN = 0.1  # seconds between two requests on a connection of the client with a fixed rate

ANSWER = b"0" * 250  # about as long as that to one picture

# What wrk sends; who is refused waits a little. It ends with its counts as JSON.
LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "%(kind)s"
local file = io.open("%(body)s", "rb"); wrk.body = file:read("*a"); file:close()
local refused = false
function response(status) refused = status == 503 end
function delay()
  if not refused then return 0 end
  refused = false
  return 200
end
function done(summary, latency)
  io.write(string.format('{"requests": %%d, "refused": %%d, "errors": %%d, "us": %%d}\\n',
    summary.requests, summary.errors.status, summary.errors.connect + summary.errors.read
    + summary.errors.write + summary.errors.timeout, summary.duration))
end
"""


@dataclass(frozen=True)
class Load:
    """What is sent again and again.

    Attributes:
        name: what the tables call it.
        body: of a request.
        kind: its Content-Type.
        pictures: as they are in it.
    """

    name: str
    body: bytes
    kind: str
    pictures: tuple[bytes, ...]

    @property
    def head(self) -> bytes:
        """The lines before the body."""
        return (
            f"POST /v1/predict HTTP/1.1\r\nHost: load\r\nContent-Type: {self.kind}\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        ).encode()


@dataclass(frozen=True)
class Effort:
    """How long is measured, in seconds; how many starts."""

    each: float
    soak: float
    starts: int


def main() -> None:
    """Measure, and rewrite the page or print what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about two minutes")
    parser.add_argument("--minutes", type=float, help="of the soak; 30 by default")
    parser.add_argument("--only", nargs="+", choices=MEASURED, default=[*TIMED])
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    if not (shutil.which("wrk") and shutil.which("h2load")):
        sys.exit("wrk or h2load is not installed.\napt-get install wrk nghttp2-client")
    soak = 60 * (options.minutes or 30)
    effort = Effort(3, min(soak, 15), 3) if options.quick else Effort(15, soak, 10)
    blocks = {} if options.only == ["soak"] else {"machine": describe()}
    for name in options.only:
        note(name)
        blocks[name] = MEASURED[name](effort)
    text = PAGE.read_text(encoding="utf-8")
    for name, block in blocks.items():
        text = between(text, name, block)
    if options.print:
        print("\n\n".join(blocks.values()))
    else:
        PAGE.write_text(text, encoding="utf-8")


def note(text: str) -> None:
    """Say on stderr what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr)


def describe() -> str:
    """Return what this was measured on."""
    here = machine.describe()
    return (
        f"{here.cpu}, {here.cores} cores, load {here.load or 0:.1f}; Python {here.python}, "
        f"onnxruntime {here.versions['onnxruntime']}; {WORKERS} workers, wrk with {CONNECTIONS} "
        "connections."
    )


# What is sent.


def digits(count: int) -> tuple[bytes, ...]:
    """Draw digits as MNIST has them."""
    return tuple(
        _encoded(Image.fromarray(image), "PNG")
        for image in synthetic.generate(count, seed=21).images
    )


def photographs(count: int) -> tuple[bytes, ...]:
    """Draw dark digits on paper that is lit from one corner, with grain: 1200x900."""
    rng = np.random.default_rng(21)
    height, width = 900, 1200
    paper = 230 * np.linspace(0.75, 1, height)[:, np.newaxis] * np.linspace(0.75, 1, width)
    drawn = []
    for image in synthetic.generate(count, seed=22).images:
        field = Image.new("L", (width, height))
        field.paste(Image.fromarray(image).resize((600, 600)), (300, 150))
        lit = paper * (1 - 0.8 * np.asarray(field, np.float32) / 255)
        lit += rng.normal(0, 4, lit.shape)
        photo = Image.fromarray(lit.clip(0, 255).astype(np.uint8)).convert("RGB")
        drawn.append(_encoded(photo, "JPEG"))
    return tuple(drawn)


def _encoded(picture: Image.Image, form: str) -> bytes:
    file = BytesIO()
    picture.save(file, form)
    return file.getvalue()


def single(name: str, picture: bytes) -> Load:
    """Return requests of one picture."""
    return Load(name, picture, "application/octet-stream", (picture,))


def many(name: str, pictures: tuple[bytes, ...]) -> Load:
    """Return requests of many pictures, as parts of a form."""
    parts = (
        b'--load\r\nContent-Disposition: form-data; name="picture"; filename="%d"\r\n\r\n' % number
        + picture
        + b"\r\n"
        for number, picture in enumerate(pictures)
    )
    body = b"".join(parts) + b"--load--\r\n"
    return Load(name, body, "multipart/form-data; boundary=load", pictures)


# The service.


async def nothing(_: Scope, receive: Receive, send: Send) -> None:
    """Take a request's body, and answer as much as `/v1/predict` does: what HTTP alone costs."""
    while (await receive()).get("more_body"):
        pass
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": ANSWER})


def _serve_nothing(listener: socket.socket) -> None:
    uvicorn.Server(uvicorn.Config(nothing, lifespan="off", log_level="error")).run([listener])


@contextmanager
def empty_service() -> Iterator[int]:
    """Let uvicorn serve `nothing`, by as many processes as the service has; yield the port."""
    with bind("127.0.0.1", 0) as listener, ExitStack() as stack:
        for _ in range(WORKERS):
            own = stack.enter_context(sharing(listener))
            own.listen()
            process = get_context("spawn").Process(target=_serve_nothing, args=(own,))
            process.start()
            stack.callback(process.join)
            stack.callback(process.terminate)
        address = listener.getsockname()
        for _ in range(CONNECTIONS):  # until all of them answer
            with socket.create_connection(address) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: load\r\n\r\n")
                client.recv(1)
        yield address[1]


@contextmanager
def service(*options: str) -> Iterator[tuple[int, list[int], float]]:
    """Run a service; yield its port, its processes, and how many seconds it took to start."""
    command = [sys.executable, "-m", "mnist_edge", "serve", "--port", "0", "--model", str(MODEL)]
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout  # noqa: S101
            port = int(process.stdout.readline().rpartition(":")[2])
            started = time.monotonic() - began
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield port, [process.pid, *map(int, children.split())], started
        finally:
            process.terminate()
            process.wait(15)


def memory(processes: list[int]) -> float:
    """Return MiB that processes have for themselves."""
    total = 0
    for process in processes:
        with suppress(OSError):
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += sum(map(int, re.findall(r"^Private_\w+: +(\d+) kB", text, re.MULTILINE)))
    return total / 1024


def wrk(port: int, load: Load, seconds: float) -> dict[str, int]:
    """Send as fast as answers come; return requests, those refused, errors, and microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder) / "body", Path(folder) / "post.lua"
        body.write_bytes(load.body)
        script.write_text(LUA % {"kind": load.kind, "body": body})
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "30s"]
        url = f"http://127.0.0.1:{port}/v1/predict"
        done = subprocess.run(
            [*command, "-s", str(script), url], capture_output=True, text=True, check=True
        )
    counted: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counted


def alone(load: Load, seconds: float) -> float:
    """Return pictures/s of `Classifier` in as many processes as the service has workers."""
    with ProcessPoolExecutor(WORKERS) as pool:
        return sum(pool.map(_answer_for, [load.pictures] * WORKERS, [seconds] * WORKERS))


def _answer_for(pictures: tuple[bytes, ...], seconds: float) -> float:
    classifier = Classifier.load(MODEL)
    classifier.predict(pictures[0])
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        if len(pictures) == 1:
            classifier.predict(pictures[0])
        else:
            classifier.predict_batch(pictures)
        done += len(pictures)
    return done / spent


# What is measured.


def throughput(effort: Effort) -> str:
    """Return the table of pictures a second, against `Classifier` alone."""
    pngs, jpegs = digits(100), photographs(10)
    rows = []
    for load in (
        single("PNG of 28×28, one a request", pngs[0]),
        many("PNG of 28×28, 100 a request", pngs),
        single("JPEG of 1200×900, one a request", jpegs[0]),
        many("JPEG of 1200×900, 10 a request", jpegs),
    ):
        bases, floors, rates = [], [], []
        # In turns, so that all meet the same neighbours.
        for _ in range(3):
            bases.append(alone(load, effort.each))
            with empty_service() as port:
                floors.append(answered(port, load, effort.each))
            with service("--workers", str(WORKERS)) as (port, _, _):
                rates.append(answered(port, load, effort.each))
        base, floor, rate = map(statistics.median, (bases, floors, rates))
        best = 1 / (1 / base + 1 / floor)
        numbers = (f"{base:,.0f}", f"{floor:,.0f}", f"{rate:,.0f}")
        rows.append((load.name, *numbers, f"{rate / base:.2f}", f"{best / base:.2f}"))
    headers = ("pictures/s", "Classifier", "nothing over HTTP", "service", "×", "× at best")
    return markdown(headers, rows)


def answered(port: int, load: Load, seconds: float) -> float:
    """Return how many pictures a second are answered, once all is warm."""
    wrk(port, load, 1)
    counted = wrk(port, load, seconds)
    return len(load.pictures) * (counted["requests"] - counted["refused"]) / counted["us"] * 1e6


def fixed_rate(port: int, load: Load, rate: float, seconds: float) -> list[tuple[int, float]]:
    """Send so many requests a second, whether or not answers come; return statuses and seconds.

    Each of many connections has a turn of its own, so that none waits for another's answer.
    """
    clients = max(1, round(rate * TURN))
    with tempfile.TemporaryDirectory() as folder:
        body, log = Path(folder) / "body", Path(folder) / "log"
        body.write_bytes(load.body)
        options = {
            "--no-tls-proto": "http/1.1",
            "--data": body,
            "--header": f"Content-Type: {load.kind}",
            "--log-file": log,
            "--clients": clients,
            "--rps": rate / clients,
            "--requests": round(rate * seconds / clients) * clients,
            # Connections begin one after the other, over one turn.
            "--rate": -(-clients // round(1000 * TURN)),
            "--rate-period": "1ms",
        }
        command = ["h2load", *(f"{name}={value}" for name, value in options.items())]
        subprocess.run(
            [*command, f"http://127.0.0.1:{port}/v1/predict"], capture_output=True, check=True
        )
        lines = (line.split("\t") for line in log.read_text().splitlines())
        return [(int(status), int(spent) / 1e6) for _, status, spent in lines]


def overload(effort: Effort) -> str:
    """Return how the service answers when it is asked for twice what it can."""
    rows = []
    for load in (
        single("PNG of 28×28", digits(1)[0]),
        single("JPEG of 1200×900", photographs(1)[0]),
    ):
        with service("--workers", str(WORKERS)) as (port, _, _):
            capacity = answered(port, load, effort.each)
            for name, rate in (("a tenth of", capacity / 10), ("twice", 2 * capacity)):
                answers = fixed_rate(port, load, rate, max(effort.each, 200 / rate))
                statuses = Counter(status for status, _ in answers)
                times = [1000 * seconds for status, seconds in answers if status == 200]
                p50, p99 = np.percentile(times, (50, 99))
                others = len(answers) - statuses[200] - statuses[503]
                rows.append(
                    (
                        load.name,
                        f"{name} the capacity of {capacity:,.0f}",
                        f"{statuses[200] / len(answers):.0%}",
                        f"{statuses[503] / len(answers):.0%}",
                        f"{others}",
                        f"{p50:.1f}",
                        f"{p99:.1f}",
                    )
                )
    headers = ("", "requests/s", "answered", "503", "other", "p50 ms", "p99 ms of the answered")
    return markdown(headers, rows, left=2)


def soak(effort: Effort) -> str:
    """Return what becomes of memory and answers under a load that keeps all busy."""
    classifier = Classifier.load(MODEL)
    pictures = (*digits(200), *photographs(5))
    expected = [json.loads(to_json(classifier.predict(each))) for each in pictures]
    counted: Counter[str] = Counter()
    stop = threading.Event()

    def ask(port: int, seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311
        with socket.create_connection(("127.0.0.1", port)) as client:
            answers = client.makefile("rb")
            while not stop.is_set():
                # Photographs take far longer: one in a hundred keeps both kinds at work.
                number = rng.randrange(200) if rng.random() < 0.99 else 200 + rng.randrange(5)
                load = single("", pictures[number])
                client.sendall(load.head + load.body)
                status = int(answers.readline().split()[1])
                size = 0
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                body = json.loads(answers.read(size))
                if status == 200:
                    counted["right" if body == expected[number] else "wrong"] += 1
                else:
                    counted[str(status)] += 1

    with service("--workers", str(WORKERS)) as (port, processes, _):
        clients = [threading.Thread(target=ask, args=(port, seed)) for seed in range(8)]
        for client in clients:
            client.start()
        began, used = time.monotonic(), []
        while time.monotonic() - began < effort.soak:
            time.sleep(min(5, effort.soak / 10))
            used.append(memory(processes))
        stop.set()
        for client in clients:
            client.join()
    later = used[len(used) // 10 :]  # the first tenth fills caches
    row = (
        f"{effort.soak / 60:.1f}",
        f"{counted['right']:,}",
        f"{counted['wrong']:,}",
        f"{counted['503']:,}",
        f"{sum(counted.values()) - counted['right'] - counted['wrong'] - counted['503']:,}",
        f"{later[0]:.0f}",
        f"{later[-1]:.0f}",
        f"{min(later):.0f} to {max(later):.0f}",
    )
    headers = ("minutes", "right", "wrong", "503", "other", "MiB at first", "at last", "within")
    return markdown(headers, [row], left=0)


def slow(effort: Effort) -> str:
    """Return how long a quick client waits beside 200 that never end their bodies."""
    load = single("", digits(1)[0])
    rows = []
    with service("--workers", str(WORKERS)) as (port, _, _):
        for count in (0, 200):
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
            for client in clients:
                client.sendall(load.head + load.body[:10])
            answers = fixed_rate(port, load, 50, effort.each)
            times = [1000 * seconds for status, seconds in answers if status == 200]
            p50, p99 = np.percentile(times, (50, 99))
            rows.append(
                (f"{count}", f"{len(times) / len(answers):.0%}", f"{p50:.1f}", f"{p99:.1f}")
            )
            for client in clients:
                client.close()
    return markdown(("slow clients", "answered", "p50 ms", "p99 ms"), rows)


def start(effort: Effort) -> str:
    """Return how long it takes until the address is printed, and requests are answered."""
    rows = []
    for workers in (1, WORKERS):
        times, used = [], []
        for _ in range(effort.starts):
            with service("--workers", str(workers)) as (_, processes, seconds):
                times.append(seconds)
                used.append(memory(processes))
        rows.append(
            (
                f"{workers}",
                f"{statistics.median(times):.2f}",
                f"{max(times):.2f}",
                f"{statistics.median(used):.0f}",
            )
        )
    return markdown(("workers", "seconds, median", "longest", "MiB of all processes"), rows)


def size(_: Effort) -> str:
    """Return the sizes of what the extra brings beside the base."""
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    brought = closure(project["optional-dependencies"]["serve"]) - closure(project["dependencies"])
    sizes = {name: np.array(installed(name)) for name in brought}
    rows = [(name, *sizes[name]) for name in sorted(sizes, key=lambda name: -sizes[name][0])]
    rows.append(("together", *sum(sizes.values(), np.zeros(2))))
    headers = ("package", "MB", "and the bytecode that Python makes of it")
    return markdown(headers, [(name, f"{one:.1f}", f"{two:.1f}") for name, one, two in rows])


def closure(required: list[str]) -> set[str]:
    """Return the names of all distributions that these need, themselves among them."""
    found: set[str] = set()
    wanted = [*map(Requirement, required)]
    while wanted:
        each = wanted.pop()
        name = each.name.lower().replace("_", "-")
        if name not in found and (not each.marker or each.marker.evaluate({"extra": ""})):
            found.add(name)
            wanted += map(Requirement, distribution(name).requires or ())
    return found


def installed(name: str) -> tuple[float, float]:
    """Return MB of a distribution's files on the disk, and of their bytecode."""
    paths = [Path(str(file.locate())) for file in distribution(name).files or ()]
    sizes = [(path.suffix == ".pyc", path.stat().st_blocks * 512 / 1e6) for path in paths]
    code = sum(size for is_code, size in sizes if is_code)
    return sum(size for _, size in sizes) - code, code


TIMED: dict[str, Callable[[Effort], str]] = {
    "size": size,
    "start": start,
    "throughput": throughput,
    "overload": overload,
    "slow": slow,
}
MEASURED = TIMED | {"soak": soak}


if __name__ == "__main__":
    main()
