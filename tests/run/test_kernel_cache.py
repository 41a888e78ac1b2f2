"""oneDNN's kernels do not fill the memory."""

import os
import subprocess
import sys

import pytest

from seqclf.run.kernel_cache import KEPT, VARIABLE, small_kernel_cache

GROWTH = """
import torch
from seqclf.run.kernel_cache import small_kernel_cache

small_kernel_cache()
torch.set_num_threads(1)

def used():
    return int(open("/proc/self/status").read().split("RssAnon:")[1].split()[0]) / 1024

layer = torch.nn.LSTM(100, 128, bidirectional=True, batch_first=True)
with torch.inference_mode():
    layer(torch.zeros(1, 2, 100))
    before = used()
    for batch in range(1, 7):
        for length in range(3, 43):
            layer(torch.zeros(batch, length, 100))
print(used() - before)
"""


def test_what_the_environment_says_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "7")
    small_kernel_cache()
    assert os.environ[VARIABLE] == "7"
    monkeypatch.delenv(VARIABLE)
    small_kernel_cache()
    assert os.environ[VARIABLE] == str(KEPT)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_grows_less_than_with_all_kernels_kept() -> None:
    def grown(kept: int) -> float:
        told = {**os.environ, VARIABLE: str(kept), "OMP_NUM_THREADS": "1"}
        ran = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True, env=told)
        return float(ran.stdout)

    assert grown(KEPT) < 0.6 * grown(1024)
