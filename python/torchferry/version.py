"""The version's one source: pyproject.toml and CMakeLists.txt read it from here."""

VERSION = "0.1.0"
