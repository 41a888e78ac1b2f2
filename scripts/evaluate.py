"""Figures of a saved model on new data: `python scripts/evaluate.py --help`."""

from seqclf.run.cli import evaluate_main

if __name__ == "__main__":
    evaluate_main()
