"""What each word adds to the predictions of a saved model: `python scripts/explain.py --help`."""

from seqclf.run.cli import explain_main

if __name__ == "__main__":
    explain_main()
