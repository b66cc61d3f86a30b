"""Speed and accuracy beside slow twins and published figures: `make bench`, or run.py here."""
