"""What the program's HTML pages share: how they look, what holds them, how they give a verdict."""
