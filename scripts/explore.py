"""A page to look for a model's errors in: `python scripts/explore.py --help`."""

from seqclf.run.cli import explore_main

if __name__ == "__main__":
    explore_main()
