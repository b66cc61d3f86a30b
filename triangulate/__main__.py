"""`python -m triangulate`: the command line."""

from __future__ import annotations

from triangulate.cli import main

if __name__ == "__main__":
    main()
