"""The commands of `triangulate`, a module each; `triangulate.cli` registers them."""
