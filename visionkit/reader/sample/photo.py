"""What the camera makes of a scene in its light."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionkit.reader.sample.plane import Plane, grain


def photograph(scene: list[Plane], light: Plane, size: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Exposure and white balance, the blur of the lens, the noise of the sensor, and JPEG."""
    frame = scene[0].shape
    exposure, blur, noise = rng.uniform(0.7, 1.0), rng.uniform(0.4, 0.75), rng.uniform(0.004, 0.014)
    balance = 1 + rng.uniform(-0.04, 0.04, 3)
    blur *= 1 if size < 90 else 1.5
    luma = noise * grain(frame, 0.5, rng)
    planes = []
    for plane, gain in zip(scene, balance, strict=True):
        seen = cv2.GaussianBlur(plane * light, (0, 0), blur)
        chroma = grain(frame, 1.2, rng)
        seen = seen * np.float32(exposure * gain) + luma + np.float32(0.6 * noise) * chroma
        planes.append(cv2.convertScaleAbs(np.maximum(seen, 0), alpha=255))
    return _jpeg(cv2.merge(planes), int(rng.integers(60, 93)))


def _jpeg(image: NDArray[Any], quality: int) -> NDArray[np.uint8]:
    # The codec wants blue first; the picture is turned for the one round trip, so that colours compress as a camera's.
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if back is None:
        raise RuntimeError("OpenCV cannot read the JPEG that it wrote")
    return np.asarray(cv2.cvtColor(back, cv2.COLOR_BGR2RGB), np.uint8)
