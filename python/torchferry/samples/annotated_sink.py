"""`--output picture.png` of a classifier: the picture of the file with its label and score in the upper left corner.

Pillow draws it with its own font. ferry-run has no font and refuses it by name (cpp/cli/output.cpp).
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

from torchferry.bundle.contract import BATCH, Array, Classes, Contract
from torchferry.bundle.printable import printable
from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.samples.image_layout import NoPicturesError, find_layout
from torchferry.samples.mask_sink import is_mask
from torchferry.samples.picture import Picture, upright, with_levels_of_bytes
from torchferry.samples.top import scores_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

_LEAST_SIZE, _MOST_SIZE = 8, 48  # of the font, in pixels: below it letters run together
_SIZES_A_SIDE = 16  # how many lines of the wished size the shorter side has room for
_SHORTER = (24, 16, 8)  # letters of a name that does not fit
_BOX, _TEXT = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True)
class Annotation:
    """What is drawn: the class names of the output `label` [N], and of `scores` [N,K] the class's own, where there are any."""

    classes: Classes
    scores: str | None

    def words(self, outputs: Mapping[str, Array], where: str) -> tuple[str, str]:
        """Return name and score of one sample [1, ...]; an empty score where there is none. Raises FerryError(MISMATCH)."""
        labels = outputs[self.classes.output]
        problem = self.classes.problem(labels)
        if problem is not None:
            raise FerryError(
                ExitCode.MISMATCH, f"{where}: {self.classes.output}: {problem}; the artifact breaks the contract, export again"
            )
        index = int(labels[0])
        return self.classes.names[index], "" if self.scores is None else f"{float(outputs[self.scores][0, index]):.3g}"


def annotation_of(contract: Contract, names: Sequence[str]) -> Annotation | None:
    """Return what the contract lets a .png of these outputs show beside a picture; None where it is no classifier of pictures.

    The contract decides, never the data: the label [N] is among the outputs, none of them is a mask, and one input takes pictures.
    """
    classes = contract.classes
    if classes is None or classes.output not in names or contract.output(classes.output).shape != (BATCH,):
        return None
    if any(is_mask(contract, name) for name in names) or sum(_takes_pictures(contract)) != 1:
        return None
    found = scores_of(contract)
    return Annotation(classes, found[0] if found else None)


def _takes_pictures(contract: Contract) -> Iterator[bool]:
    for spec in contract.inputs:
        try:
            find_layout(spec)
        except NoPicturesError:
            yield False
        else:
            yield True


class AnnotatedSink:
    """One picture, which is written when it is known to be the only one. `pictures` are those of the samples, in their order."""

    def __init__(self, stream: BinaryIO, where: str, annotation: Annotation, pictures: deque[Picture]) -> None:
        self.count = 0
        self._stream, self._where, self._annotation, self._pictures = stream, where, annotation, pictures
        self._file = b""

    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None:  # noqa: ARG002 (refused before)
        """Take the only sample [1, ...]. Raises FerryError(USAGE) for a second one, or a picture that is too small for its label."""
        self.count += len(outputs[self._annotation.classes.output])
        if self.count > 1:
            raise FerryError(
                ExitCode.USAGE,
                f"{self._where}: got several samples, expected one, as a .png holds one picture; give each a file and write to FOLDER/ "
                "with --format png, or write .jsonl",
            )
        with named_extras(self._where):
            self._file = labelled(self._pictures.popleft(), *self._annotation.words(outputs, self._where), where=self._where)

    def finish(self) -> None:
        """Write the file."""
        self._stream.write(self._file)
        self._stream.flush()


def labelled(picture: Picture, name: str, score: str, *, where: str) -> bytes:
    """Return the upright picture as a PNG file of 8 bits, in colours, with name and score. Raises FerryError(USAGE) where they do not fit."""
    from PIL import ImageDraw  # of an extra

    image = _image_of(picture)
    text, font = _fitting(image, printable(name), score, where)
    draw = ImageDraw.Draw(image)
    width, height, left, top = _box_of(text, font)
    draw.rectangle((0, 0, width - 1, height - 1), fill=_BOX)
    draw.multiline_text((left, top), text, font=font, fill=_TEXT)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _image_of(picture: Picture) -> Image:
    from PIL import Image

    channels = 4 if picture.has_alpha else 3
    levels = with_levels_of_bytes(upright(picture.as_channels(channels), picture.orientation), picture.maximum)
    return Image.fromarray(levels)


def _fitting(image: Image, name: str, score: str, where: str) -> tuple[str, FreeTypeFont]:
    """Return the words as one line, else as two, else cut, in the largest letters that fit."""
    wished = min(max(min(image.size) // _SIZES_A_SIDE, _LEAST_SIZE), _MOST_SIZE)
    shorter = (f"{name[: most - 3]}...\n{score}".strip() for most in _SHORTER if len(name) > most)
    for text in (f"{name} {score}".strip(), f"{name}\n{score}".strip(), *shorter):
        for size in range(wished, _LEAST_SIZE - 1, -1):
            width, height, *_ = _box_of(text, _font(size))
            if width <= image.width and height <= image.height:
                return text, _font(size)
    raise FerryError(
        ExitCode.USAGE,
        f"{where}: got {image.width} x {image.height} pixels, expected at least {width} x {height} for the words {text!r}; write .jsonl",
    )


def _box_of(text: str, font: FreeTypeFont) -> tuple[int, int, int, int]:
    """Return width and height of the box around a text, and where the text begins in it."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=font)
    margin = max(1, int(font.size) // 5)
    return int(right - left) + 2 * margin, int(bottom - top) + 2 * margin, margin - int(left), margin - int(top)


@lru_cache(maxsize=_MOST_SIZE)
def _font(size: int) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)  # type: ignore[return-value]  # with a size it is one of FreeType
