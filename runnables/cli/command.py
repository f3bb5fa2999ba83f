"""Where the command starts: it loads the rest, which takes a while and needs the extra `cli`."""

from __future__ import annotations

import sys

from runnables.errors import MissingExtra


def main() -> None:
    """Run the command of this process; exit with its code."""
    try:
        from runnables.cli.app import main as run  # takes a while, in which Ctrl-C may come
    except MissingExtra as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    run()
