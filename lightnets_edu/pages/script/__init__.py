"""How do the pages' scripts come together? JavaScript modules that the components share, and the bundler."""
