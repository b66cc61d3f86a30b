"""Networks that find joints in images and join views into points."""
