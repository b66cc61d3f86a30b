"""Where in time the viewer is."""

from __future__ import annotations

from dataclasses import dataclass

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
DEFAULT_FPS = 25.0


@dataclass
class Timeline:
    """A place among frames, which moves while it plays.

    Attributes:
        num_frames: how many there are, at least one.
        fps: of the frames, as they were taken.
        place: between 0 and `num_frames` - 1, in parts of a frame.
        is_playing: whether time passes.
        speed: how fast, 1 as it was.
        loops: begins again at the end.
    """

    num_frames: int
    fps: float = DEFAULT_FPS
    place: float = 0.0
    is_playing: bool = False
    speed: float = 1.0
    loops: bool = True

    @property
    def index(self) -> int:
        """The frame to show."""
        return int(self.place)

    def go_to(self, place: float) -> None:
        """Show a frame; the first or last where it lies outside."""
        self.place = float(min(max(place, 0), self.num_frames - 1))

    def step(self, frames: int) -> None:
        """Stop, and go some frames on or back."""
        self.is_playing = False
        self.go_to(self.index + frames)

    def toggle(self) -> None:
        """Play or pause; at the end, play from the beginning."""
        if not self.is_playing and self.index == self.num_frames - 1:
            self.place = 0.0
        self.is_playing = not self.is_playing and self.num_frames > 1

    def change_speed(self, steps: int) -> None:
        """Faster or slower by steps of `SPEEDS`."""
        at = SPEEDS.index(self.speed) + steps
        self.speed = SPEEDS[min(max(at, 0), len(SPEEDS) - 1)]

    def advance(self, elapsed_s: float) -> bool:
        """Let time pass; whether another frame is to be shown."""
        if not self.is_playing:
            return False
        before, place = self.index, self.place + elapsed_s * self.fps * self.speed
        if place >= self.num_frames:
            if self.loops:
                place %= self.num_frames
            else:
                place, self.is_playing = self.num_frames - 1, False
        self.place = place
        return self.index != before or not self.is_playing
