"""The book as a site: how it is built, what the pages load, what is published beside them."""
