"""A saved model onto the Hugging Face hub: `python scripts/push.py --help`."""

from seqclf.run.cli import push_main

if __name__ == "__main__":
    push_main()
