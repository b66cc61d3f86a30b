"""Who is who: `association.py` finds the same person in several views."""
