"""Numbers without meaning that are the same on every machine, for the models that the bench makes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Noise"]


class Noise:
    """Numbers from -1 to 1 that are the same everywhere: a linear congruential generator."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def __call__(self, *shape: int) -> npt.NDArray[np.float32]:
        """Returns an array of the next numbers."""
        values = np.empty(int(np.prod(shape)), np.float32)
        for index in range(values.size):
            self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            values[index] = (self.state >> 40) / (1 << 23) - 1.0
        return values.reshape(shape)

    def weights(self, *shape: int, fan: int) -> npt.NDArray[np.float32]:
        """Returns weights that keep the variance of what they multiply."""
        return np.asarray(self(*shape) * np.sqrt(3.0 / fan), np.float32)

    def int8(self, *shape: int) -> npt.NDArray[np.int8]:
        """Returns integers from -127 to 127."""
        return np.asarray(np.rint(self(*shape) * 127), np.int8)
