"""Find runs again, and compare two: `python scripts/runs.py --help`."""

from seqclf.run.cli import runs_main

if __name__ == "__main__":
    runs_main()
