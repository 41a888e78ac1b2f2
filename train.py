"""Train a classifier of text records: `python train.py --help`."""

from seqclf.run.cli import train_main

if __name__ == "__main__":
    train_main()
