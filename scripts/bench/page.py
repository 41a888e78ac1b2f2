"""docs/performance.md, written from the figures that were kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Figure

PAGE = Path("docs/performance.md")


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        part: whose figures it shows.
        title: of the section.
        what: what is measured, and how.
        remark: what to know about the figures; the reason where an aim is missed.
    """

    part: str
    title: str
    what: str
    remark: str = ""


SECTIONS = (
    Section(
        "start_up",
        "Start-up",
        "Whole processes, imports and all, in turn, the first round not counted. The first optimiser step is that"
        " of a default run on 2,000 synthetic records whose store is cached; the process ends behind it.",
        "The aims were set on a machine where `import torch` takes 1.4 s; nothing can be quicker than the imports"
        " that it needs, so each time stands beside that of `import torch` here too.",
    ),
    Section(
        "training",
        "A training step, against a plain loop",
        "`train.py` with everything on (loss, accuracy, bar, clipping, schedule) against a loop of ten lines around"
        " the same model, batches and optimiser, in float32: behind every step of the run, one of the loop, which takes"
        " the batches of an epoch from the last to the first. Batches of 64, for the bag 512. In brackets every"
        " epoch but the first.",
        "About half of what a step costs beside the loop's is Lightning's: hooks and checks around it, the same "
        "whatever the model. So the shorter the steps, the further the ratio is from 1.",
    ),
    Section(
        "fields",
        "Fields of unlike lengths, against rectangles",
        "Whole training steps of the same model on the same 32 records: ragged, and as the rectangle `(B, F, T)` "
        "that exported models read, in which every field is as long as the longest of the batch, there or not; "
        "that both give the same logits is checked first. *3 fields*: 1-6 and 4-20 tokens and a long one (log-"
        "normal, median 80, at most 250), a fifth of the last two missing. *3 longer fields*: the long one three "
        "times as long. *8 fields*: 1-3 to 1-31 tokens and a long one, half of them missing. *sentences*: 1-30 of "
        "about 15 tokens. Batches *as they come* are drawn at random, those *of like length* as training draws them. "
        "*2 fields*: against two calls of the encoder, each field padded alone.",
        "The ratio follows the cells of the rectangle for each token, which are the data's; that of a transformer,"
        " which attends from every token to every other, rises with their lengths too. The aims are those of a sketch"
        " on data of its own, and stand beside the batches as they come.",
    ),
    Section(
        "numbering",
        "Text to ids",
        "The numbering pass of a store, writing included and reading left out, against `encode_batch_fast` of the"
        " `tokenizers` library on the same texts with the same cores. In CPU seconds the ratio is that of the "
        "work; in wall seconds the library has all cores.",
    ),
    Section(
        "prediction",
        "Prediction",
        "The model over batches that lie ready, sorted by length (the fastest of 64, 256 and 512 a batch), which "
        "is all that a forward pass can be; against the way of `predict` from numbered records and from texts to "
        "probabilities in their order. Models not trained.",
    ),
    Section(
        "at_scale",
        "Millions of records",
        "Made-up records of three fields (3, 8 and 12 words), each process its own: the largest `RssAnon`, memory"
        " that is no mapped file, sampled every 20 ms, while the store is built and while a bag is trained on it "
        "with batches of 512; records a second over a hundred steps.",
        "`what=at_scale records=10000000 disk=DIR` does it with ten million: twenty minutes of a core to build."
        " A rank's plan of an epoch is 8 bytes a record.",
    ),
    Section(
        "growth",
        "Growth",
        "Whole training steps on made-up records, 64 a batch (8 along fields and tokens), and the plan of an epoch"
        " with them. The figure is the exponent between the last two points: how the seconds of a record grow with the"
        " axis, over the last decade; 1 for fields and tokens, 0 for the others, and 0.1 to spare."
        "\n\n![records a second](growth.png)",
        "Left, where little is in a batch, the fixed cost of a step flattens the lines. A transformer attends "
        "from every token to every other: its seconds grow with the square of a field's tokens. An "
        "LSTM's rows of thousands of tokens are computed one or two at a time, at two to three times the seconds a "
        "token; of 8 records of 1,000 fields its step outgrows the gigabyte of freed memory that is kept, and a sixth "
        "of it are page faults (docs/log.md). With 2,000 classes a bag multiplies for its last layer above all.",
    ),
    Section(
        "peers",
        "Other programs",
        "Their own training on the same texts, at the same batch size, in turn with "
        "`train.py` and its defaults: records a second over the epochs after the first, accuracy on test, and "
        "prediction from texts. fastText: the setting of six (5, 10, 25 epochs, 16 and 100 dimensions) that is "
        "best on test; ours: that of two that is there first.",
        "AllenNLP's widths are ours; spaCy's are its own, and its bag is a linear model. The aims against AllenNLP,"
        " flair and spaCy were set for a processor with AMX, on which bfloat16 trains about twice as fast"
        " (`trainer.precision=auto` takes it); this one has none. fastText's seconds are of its whole call, ours of the"
        " epochs up to the first that is as good on test.",
    ),
)
HEAD = """# Performance

Written by `make bench` from the figures that it keeps in outputs/benchmark.jsonl: medians of some rounds, every round
in brackets. The figures are one machine's; ratios within one run say the most. `make bench ARGS="data=DIR"` measures on
trec6 and ag_news too, `what=PART,PART` parts alone:
{parts}.
CPU seconds of one thread hold on a busy machine; `clock=wall threads=2` is for one that does nothing else.
"""


def write_page(figures: Sequence[Figure], page: Path = PAGE) -> None:
    """All sections of which there are figures."""
    there = [section for section in SECTIONS if any(figure.part == section.part for figure in figures)]
    head = HEAD.format(parts=", ".join(f"`{section.part}`" for section in SECTIONS))
    sections = [section_of(section, [each for each in figures if each.part == section.part]) for section in there]
    page.write_text("\n".join([head, *summary(figures, there), *sections]), encoding="utf-8")
    print(f"wrote {page}")


def summary(figures: Sequence[Figure], sections: Sequence[Section]) -> list[str]:
    """How many aims of each section are reached."""
    lines = ["| part | aims reached |", "|---|---|"]
    for section in sections:
        verdicts = [each.reached for each in figures if each.part == section.part and each.reached is not None]
        lines.append(f"| [{section.title}](#{anchor(section.title)}) | {sum(verdicts)} of {len(verdicts)} |")
    return [*lines, ""]


def anchor(title: str) -> str:
    """How a heading is linked to."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")


def section_of(section: Section, figures: Sequence[Figure]) -> str:
    """Its heading, what is measured, the table, and what to know."""
    lines = [
        f"## {section.title}",
        "",
        section.what,
        "",
        "| | ours | aim | reached | beside |",
        "|---|---|---|---|---|",
    ]
    lines += [line_of(figure) for figure in figures]
    lines += ["", "Measured with " + "; and with ".join(dict.fromkeys(each.conditions for each in figures)) + "."]
    lines += ["", section.remark] if section.remark else []
    return "\n".join([*lines, ""])


def line_of(figure: Figure) -> str:
    """One row of a table."""
    aim = "" if figure.aim is None else f"{'≤' if figure.at_most else '≥'} {figure.aim:.3g}"
    verdict = {None: "", True: "yes", False: "no"}[figure.reached]
    each = " ".join(f"{value:.2f}" for value in figure.values)
    ours = f"{figure.value:.2f} {figure.unit}" + (f" ({each})" if len(figure.values) > 1 else "")
    if math.isinf(figure.value):
        ours = "never"
    return f"| {figure.name} | {ours} | {aim} | {verdict} | {figure.beside} |"
