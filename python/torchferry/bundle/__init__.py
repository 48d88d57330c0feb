"""The bundle: the only place where Python and C++ meet (exported/FORMAT.md)."""
