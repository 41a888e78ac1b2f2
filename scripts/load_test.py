"""How many requests does a served model answer, and how long does each wait?

    python scripts/load_test.py model=RUN/model input=records.csv
    python scripts/load_test.py model=RUN/model input=records.csv clients=1,8,32 seconds=10 batches=1,512 threads=1

Starts `scripts/serve.py` on a free port, once with requests answered together and once one by one (`max_batch=1`), and
lets so many clients ask at the same time, each one record a request over a connection of its own, the next as soon as
the answer is there. The clients are threads of one Python process beside the server: their work is in the figures.
"""

from __future__ import annotations

import http.client
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from seqclf.data.files import open_table

ROOT = Path(__file__).resolve().parents[1]
RECORDS = 1000  # of the input; they are asked for in turn


def main() -> None:
    """Print every figure."""
    typed = dict(argument.split("=", 1) for argument in sys.argv[1:])
    clients = [int(number) for number in typed.get("clients", "1,8,32").split(",")]
    print(f"{'max_batch':>9} {'clients':>7} {'requests/s':>10} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}")
    for largest in typed.get("batches", "512,1").split(","):
        with server(typed["model"], largest, typed.get("threads", "1")) as (host, port):
            bodies = read_bodies(typed["input"], host, port)
            ask(host, port, bodies, 1.0, 0)  # the first requests are slower
            for number in clients:
                print_figures(largest, number, host, port, bodies, float(typed.get("seconds", "5")))


@contextmanager
def server(model: str, largest: str, threads: str) -> Iterator[tuple[str, int]]:
    """A server of its own process; yields where it listens, and stops it."""
    command = [sys.executable, "-u", str(ROOT / "scripts" / "serve.py"), f"model={model}", "port=0"]
    command += [f"max_batch={largest}", f"threads={threads}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.match(r"http://([\d.]+):(\d+) answers", process.stdout.readline())
        if found is None:
            raise SystemExit("The server did not start.")
        yield found[1], int(found[2])
    finally:
        process.terminate()
        process.wait(timeout=60)


def read_bodies(file: str, host: str, port: int) -> list[bytes]:
    """Requests of one record each, of the fields that the model reads."""
    connection = http.client.HTTPConnection(host, port)
    connection.request("GET", "/model")
    fields = json.load(connection.getresponse())["fields"]
    connection.close()
    table = open_table(Path(file))
    read = [name for name in fields if name in table.columns]
    rows = islice(table.select(read), RECORDS)
    return [json.dumps({"records": [dict(zip(read, row.values, strict=True))]}).encode() for row in rows]


def ask(host: str, port: int, bodies: list[bytes], seconds: float, first: int) -> list[float]:
    """One client: asks until the time is up; returns how long each answer took."""
    connection, waits, at = http.client.HTTPConnection(host, port), [], first
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        connection.request("POST", "/predict", bodies[at % len(bodies)], {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise SystemExit(f"The server answered {answer.status}: {said.decode()}")
        waits.append(time.perf_counter() - began)
        at += 1
    connection.close()
    return waits


def print_figures(largest: str, clients: int, host: str, port: int, bodies: list[bytes], seconds: float) -> None:
    """So many clients at the same time."""
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = pool.map(lambda number: ask(host, port, bodies, seconds, number * 37), range(clients))
        waits = [wait * 1000 for own in found for wait in own]
    rate = len(waits) / (time.perf_counter() - began)
    cuts = statistics.quantiles(waits, n=100)
    print(f"{largest:>9} {clients:>7} {rate:>10,.0f} {cuts[49]:>8.1f} {cuts[94]:>8.1f} {cuts[98]:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
