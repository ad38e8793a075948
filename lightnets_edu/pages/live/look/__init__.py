"""What does a trained network see? Its maps, gates and ghosts for a picture of the reader's own."""

from lightnets_edu.pages.live.look.shown import kernel_here, look_at_photos, look_here

__all__ = ["kernel_here", "look_at_photos", "look_here"]
