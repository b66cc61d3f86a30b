"""Who is who: `association.py` across views, `tracking.py` over time, `sides.py` left and right."""
