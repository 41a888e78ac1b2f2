"""What a step frees is there for the next, and goes back to the system at the end."""

import os
import platform
import subprocess
import sys

import pytest

from seqclf.run.freed_memory import VARIABLES, freed_memory_kept

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc")
STEPS = """
import resource
import torch
from seqclf.run.freed_memory import freed_memory_kept

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def used():
    return int(open("/proc/self/status").read().split("RssAnon:")[1].split()[0]) / 1024

def steps():
    before = faults()
    for _ in range(10):
        torch.ones(12_000_000)  # 48 MB
    return faults() - before

torch.set_num_threads(1)
plain, before = steps(), used()
with freed_memory_kept():
    with freed_memory_kept():  # as an ensemble that evaluates its models
        steps()
    steps()
    print(steps(), plain, end=" ")
print(used() - before)
"""


def ran(**told: str) -> tuple[float, float, float]:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES} | told
    ended = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True, env=environment)
    kept, plain, grown = map(float, ended.stdout.split())
    return kept, plain, grown


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_pages_are_touched_once_and_given_back() -> None:
    kept, plain, grown = ran()
    assert kept < 0.05 * plain
    assert grown < 20  # MB


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_the_environment_says_counts() -> None:
    kept, plain, _ = ran(MALLOC_MMAP_THRESHOLD_="1000000")
    assert kept > 0.5 * plain


def test_where_malloc_is_another_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("looked for mallopt"))
    with freed_memory_kept():
        pass
