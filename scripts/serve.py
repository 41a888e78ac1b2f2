"""A saved model behind HTTP: `python scripts/serve.py --help`."""

from seqclf.run.cli import serve_main

if __name__ == "__main__":
    serve_main()
