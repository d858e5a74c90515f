"""`python -m lastro` is the `lastro` command."""

from lastro.cli import main

if __name__ == "__main__":
    main()
