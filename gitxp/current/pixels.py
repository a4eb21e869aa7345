"""Images as bytes of a file: from PIL, matplotlib, arrays and tensors of any library, and nested lists.

None of those is imported; each is known by the methods that it has.
"""

from __future__ import annotations

import io

from gitxp.current.png import encode_png

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CHANNELS = (1, 3, 4)


def image_png(image: Any) -> bytes:
    """A PNG of a PIL image, a matplotlib figure, or an array; `TypeError` or `ValueError` for anything else.

    Arrays are (height, width) or (height, width, 1, 2, 3 or 4), those of torch (1, 3 or 4, height, width); floats from 0
    to 1 or to 255, whole numbers from 0 to 255, or booleans.
    """
    if hasattr(image, "savefig") or hasattr(image, "gcf") or hasattr(image, "get_figure"):
        return figure_png(image)
    if hasattr(image, "save") and hasattr(image, "convert"):
        file = io.BytesIO()
        image.save(file, format="PNG")
        return file.getvalue()
    return _array_png(image)


def figure_png(figure: Any) -> bytes:
    """A PNG of a matplotlib figure, of one of its axes, or of `matplotlib.pyplot`'s current figure."""
    if hasattr(figure, "gcf"):
        figure = figure.gcf()
    elif not hasattr(figure, "savefig"):
        figure = figure.get_figure()
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _array_png(image: Any) -> bytes:
    shape, values = _flatten(image)
    if len(shape) == 3 and shape[0] in _CHANNELS and (shape[2] not in _CHANNELS or hasattr(image, "detach")):
        channels, height, width = shape  # as torch has it: channels first
        plane = height * width
        values = [values[c * plane + i] for i in range(plane) for c in range(channels)]
    elif len(shape) == 3:
        height, width, channels = shape
    elif len(shape) == 2:
        (height, width), channels = shape, 1
    else:
        msg = f"an array of shape {shape} is no image"
        raise ValueError(msg)
    return encode_png(_bytes(values), width, height, channels)


def _bytes(values: Any) -> bytes:
    if isinstance(values, bytes):
        return values
    scale = 1.0
    if any(isinstance(value, float) for value in values[:1]) or any(isinstance(value, bool) for value in values[:1]):
        finite = [value for value in values if value - value == 0]
        scale = 255.0 if not finite or max(finite) <= 1 else 1.0
    return bytes([_byte(value * scale) for value in values])


def _byte(value: float) -> int:
    return 0 if not value > 0 else 255 if value >= 255 else round(value)  # nan is 0


def _flatten(image: Any) -> tuple[tuple[int, ...], Any]:
    """Its shape, and its values in a flat list, or bytes where they are bytes already."""
    for method in ("detach", "cpu", "numpy"):  # torch's tensors, and tensorflow's, which know only the last
        if hasattr(image, method):
            image = getattr(image, method)()
    if hasattr(image, "shape") and hasattr(image, "tolist"):
        shape = tuple(map(int, image.shape))
        if str(getattr(image, "dtype", "")) == "uint8" and hasattr(image, "tobytes") and not _is_planar(shape):
            return shape, image.tobytes()
        return shape, image.reshape(-1).tolist()
    if not isinstance(image, list | tuple):
        msg = f"a {type(image).__name__} is no image"
        raise TypeError(msg)
    shape = ()
    values: Any = image
    while isinstance(image, list | tuple) and image:
        shape = (*shape, len(image))
        image = image[0]
    for _ in shape[1:]:
        values = [item for part in values for item in part]
    return shape, list(values)


def _is_planar(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[0] in _CHANNELS and shape[2] not in _CHANNELS
