"""Words that espeak-ng speaks, in rooms and noise: what the training scripts of the examples that hear share.

    sudo apt-get install espeak-ng

The voices are a synthesiser's. They are all alike in ways that people are not: to understand people, train on people.
"""

# ruff: noqa: SIM905 - lists of words are read as one text

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import fftconvolve, resample_poly

__all__ = [
    "ACCENTS",
    "CLASSES",
    "KEYWORDS",
    "OTHERS",
    "RATE",
    "TEST_OTHERS",
    "TEST_VOICES",
    "VOICES",
    "Word",
    "in_a_room",
    "noise",
    "to_i16",
    "vocabulary",
]

Array = np.ndarray[Any, Any]
#: Samples a second.
RATE = 8000

KEYWORDS = ("yes", "no", "left", "right")
CLASSES = ("silence", "other", *KEYWORDS)
#: Words that it must not take for a keyword, many of them much like one. Those of the test were never in the training.
OTHERS = (
    "guess yet best chess mess says yellow west dress yesterday know now not snow toe show nose note nine new note "
    "lift lest leaf laughed loft late less let deft leg lend light write ride rate rhyme ripe bright fright wide "
    "one two three four five six seven eight ten zero stop go up down on off house bed bird cat dog happy marvin "
    "sheila tree wow follow learn visual forward backward open close lamp music water kitchen window table morning"
).split()
TEST_OTHERS = "start pause seventeen hello computer garden yacht narrow lettuce rhythm noon bless never lemon".split()
ACCENTS = ("en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
#: Speakers, half of them women. The last ones are heard only in the test.
VOICES = (
    "m1 f1 m2 f3 m3 f4 m5 f5 m7 Andy anika anikaRobot belinda ed Jacky john grandma Alex aunty norbert Mario "
    "linda max Michael Mr_serious Nguyen rob robert sandro Tweaky zac"
).split()
TEST_VOICES = "f2 m4 Annie Gene Lee steph m6 Denis".split()


@dataclass(frozen=True)
class Word:
    """A word as it was spoken: at 8 kHz, from -1 to 1, without the silence around it."""

    text: str
    sound: Array


def speak(text: str, accent: str, voice: str, speed: int, pitch: int) -> Word:
    """Returns a word by espeak-ng."""
    command = ["espeak-ng", "-v", f"{accent}+{voice}", "-s", str(speed), "-p", str(pitch), "--stdout", text]
    wave = subprocess.run(command, capture_output=True, check=True).stdout
    # The header, of 44 bytes, tells no length where the file is a pipe; all espeak-ng voices have this rate.
    samples = np.frombuffer(wave[44 : len(wave) // 2 * 2], "<i2")
    sound = resample_poly(samples / 32768, RATE, 22050).astype(np.float32)
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    sound = sound[max(loud[0] - 80, 0) : loud[-1] + 240]
    return Word(text, sound / np.sqrt(np.mean(sound**2)))


def vocabulary(texts: Sequence[str], voices: Sequence[str], times: int, rng: np.random.Generator) -> list[Word]:
    """Returns each word, spoken as often by voices, accents, speeds and pitches at random."""
    wanted = [
        (
            text,
            str(rng.choice(ACCENTS)),
            str(rng.choice(voices)),
            int(rng.integers(125, 215)),
            int(rng.integers(25, 80)),
        )
        for text in texts
        for _ in range(times)
    ]
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda arguments: speak(*arguments), wanted))


def noise(length: int, rng: np.random.Generator) -> Array:
    """Returns noise of a random colour, at times with hum, with a mean square of 1."""
    spectrum = np.fft.rfft(rng.normal(size=length))
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 30)
    sound = np.fft.irfft(spectrum / frequency ** rng.uniform(0, 1.2), length)
    sound /= np.sqrt(np.mean(sound**2))
    if rng.random() < 0.3:
        time = np.arange(length) / RATE
        hum = rng.choice([50, 60, 100, 120, 400])
        for harmonic in range(1, 5):
            sound += rng.uniform(0, 1) * np.sin(2 * np.pi * hum * harmonic * time + rng.uniform(0, 6))
    return sound / np.sqrt(np.mean(sound**2))


def in_a_room(sound: Array, rng: np.random.Generator) -> Array:
    """Returns the sound as it comes through the echoes of a room and the tilt of a microphone."""
    length = int(RATE * rng.uniform(0.03, 0.25))
    echo = rng.normal(size=length) * np.exp(-np.arange(length) / (length / 5)) * rng.uniform(0, 0.12)
    echo[0] = 1
    tilt = rng.uniform(-0.4, 0.4)
    heard = fftconvolve(sound, echo)[: len(sound) + RATE // 20]
    return heard + tilt * np.concatenate([[0], heard[:-1]])


def to_i16(sound: Array) -> Array:
    """Returns what an analogue-to-digital converter makes of it: rounded, clipped at full scale."""
    return np.clip(np.round(sound * 32768), -32768, 32767).astype(np.int16)
