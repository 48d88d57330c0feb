"""An Arduino library: library.properties, src/ and one sketch that checks the model on the board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchferry.packages.sources import Sources

# Arduino's library specification, version 1.5. The fields may not be left out.
_PROPERTIES = """\
name={title}
version={version}
author=torchferry
maintainer=torchferry
sentence=Neural networks in plain C: {names}.
paragraph=No heap, no libraries, the same bits on every processor; {title} checks itself on the board.{licence}
category=Data Processing
url={url}
architectures=*
includes={includes}
"""
_SKETCH = """\
// Replays samples of each model on this board and compares every bit of the answers.
{includes}

void setup() {{
  Serial.begin(115200);
  while (!Serial) {{
  }}
{checks}}}

void loop() {{
}}
"""
_CHECK = """\
  {{
    static {0}_output outputs[{1}_BATCH_ROWS];
    static {0}_workspace workspace[{1}_BATCH_ROWS];
    const int wrong = {0}_selftest_with(outputs, workspace);
    Serial.print(F("{0}: "));
    if (wrong == {1}_SELFTEST_PASSED) {{
      Serial.println(F("PASS"));
    }} else {{
      Serial.print(F("FAIL "));
      Serial.println(wrong);
    }}
  }}
"""


def files(title: str, sources: Sequence[Sources]) -> Mapping[str, bytes]:
    """Return the files of the library by path."""
    headers = [f"{one.prefix}.h" for one in sources]
    licences = sorted({one.licence for one in sources if one.licence.isprintable() and one.licence})
    properties = _PROPERTIES.format(
        title=title,
        version=sources[0].version if len(sources) == 1 else "0.0.0",
        names=", ".join(one.name for one in sources),
        licence=f" Licence: {', '.join(licences)}." if licences else "",
        includes=",".join(headers),
        url=sources[0].url,
    )
    sketch = _SKETCH.format(
        includes="\n".join(f"#include <{header}>" for header in headers),
        checks="".join(_CHECK.format(one.prefix, one.prefix.upper()) for one in sources),
    )
    code = {f"src/{name}": data for one in sources for name, data in one.files.items()}
    return {"library.properties": properties.encode(), "examples/SelfTest/SelfTest.ino": sketch.encode(), **code}
