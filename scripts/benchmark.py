"""How fast is seqclf? Figures of one machine, most of them ratios within one run; docs/performance.md is made of them.

    python scripts/benchmark.py                                what needs no data of yours
    python scripts/benchmark.py data=../shared/data            on trec6 and ag_news: DIR/SET/train.csv, test.csv
    python scripts/benchmark.py data=DIR what=training sets=trec6 models=lstm rounds=5
    python scripts/benchmark.py data=DIR what=peers peers_folder=DIR peers=fasttext:PYTHON,allennlp:PYTHON
    python scripts/benchmark.py what=page                      only the page, from the figures that were kept

Each part is a module of scripts/bench, which says how it measures. CPU seconds of one thread, which hold on a busy
machine; `threads=2 clock=wall` on an idle one.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module

import torch
from bench.measure import Bench, kept, timed_by
from bench.page import SECTIONS, write_page

from seqclf.run.freed_memory import freed_memory_kept

NEED_DATA = ("peers",)


def main() -> None:
    """Measure what is asked for, and write the page."""
    bench = Bench(dict(argument.split("=", 1) for argument in sys.argv[1:]))
    parts = [section.part for section in SECTIONS if section.part not in NEED_DATA]
    wanted = bench.typed.get("what", ",".join(parts)).split(",")
    known = {"page", *(section.part for section in SECTIONS)}
    if set(wanted) - known:
        sys.exit(f"what={','.join(wanted)}: there are {', '.join(sorted(known))}.")
    logging.getLogger("seqclf").setLevel(logging.ERROR)  # remarks on the data are no figures
    torch.set_num_threads(bench.threads)
    with timed_by(bench.clock), freed_memory_kept():  # as in every run
        for part in wanted:
            if part != "page":
                import_module(f"bench.{part}").measure(bench)
    write_page(kept())


if __name__ == "__main__":
    main()
