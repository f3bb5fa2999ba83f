"""`python -m runnables.cli` is the command `runnables`."""

from runnables.cli.command import main

if __name__ == "__main__":
    main()
