"""Commands of `triangulate` with a module of their own; `triangulate.cli` registers them."""
