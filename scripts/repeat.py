"""A run again, and whether it comes to the same: `python scripts/repeat.py --help`."""

from seqclf.run.cli import repeat_main

if __name__ == "__main__":
    repeat_main()
