"""`python -m calib`: the command line."""

from __future__ import annotations

from calib.cli import main

if __name__ == "__main__":
    main()
