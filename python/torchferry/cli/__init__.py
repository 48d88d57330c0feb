"""The command `ferry`: one file per verb; each parses, makes one call, and ends with an exit code of FORMAT.md."""
