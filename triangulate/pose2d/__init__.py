"""Where people are in one image: the 2D sources.

`source.py` is the door that every detector enters by; `blazepose.py` runs the two BlazePose
networks, `tracker.py` follows people through the videos of all cameras with them; `network.py`
follows a person with a network trained here, whose heatmaps `heatmap_reader.py` reads.
"""
