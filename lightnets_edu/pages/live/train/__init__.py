"""How does a network learn? Small networks of the studies that train inside a page."""

from lightnets_edu.pages.live.train.shown import train_here, train_pairs_here

__all__ = ["train_here", "train_pairs_here"]
