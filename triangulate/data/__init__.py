"""Data sets: one file each, all of them giving `triangulate.data.sample.Sample`."""
