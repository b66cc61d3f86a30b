"""The commands of `calib`, a module each; `calib.cli` registers them."""
