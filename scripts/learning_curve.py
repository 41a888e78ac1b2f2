"""The score against the number of training records: `python scripts/learning_curve.py --help`."""

from seqclf.run.cli import learning_curve_main

if __name__ == "__main__":
    learning_curve_main()
