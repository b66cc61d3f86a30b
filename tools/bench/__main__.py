"""`python -m tools.bench` is `python tools/bench/run.py`."""

from tools.bench.run import main

if __name__ == "__main__":
    main()
