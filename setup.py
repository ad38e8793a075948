"""Which folders are packages; all else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["lightnets_edu*"]), "lightnets_edu.results"],
    # The recorded runs lie at the top of the repository, where people look, and travel inside the package.
    package_dir={"lightnets_edu.results": "results"},
)
