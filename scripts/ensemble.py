"""Several models as one: `python scripts/ensemble.py --help`."""

from seqclf.run.cli import ensemble_main

if __name__ == "__main__":
    ensemble_main()
