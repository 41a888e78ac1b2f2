"""What the jobs of a sweep came to, so far: `python scripts/sweep_report.py SWEEP_DIR`."""

from seqclf.run.cli import sweep_report_main

if __name__ == "__main__":
    sweep_report_main()
