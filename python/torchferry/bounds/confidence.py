"""What a number of samples says of all the others, with which confidence. No distribution is assumed, only that samples are independent."""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.99
COVERAGE = 0.99  # of the distribution: what a limit should cover


def needed_samples(coverage: float = COVERAGE, confidence: float = CONFIDENCE) -> int:
    """Return how many samples make their largest value cover that part of the distribution: n >= ln(1 - confidence) / ln(coverage).

    S. S. Wilks, Determination of sample sizes for setting tolerance limits, 1941.
    """
    return math.ceil(math.log(1 - confidence) / math.log(coverage))


def uncovered(samples: int, confidence: float = CONFIDENCE) -> float:
    """Return the part of the distribution that may lie above the largest of so many samples: 1 - (1 - confidence)^(1/samples)."""
    return float(-math.expm1(math.log(1 - confidence) / samples))


def agreement(agreeing: int, samples: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the interval, in percent, of a rate that was seen to be `agreeing` of `samples`.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, share = agreeing / samples, z * z / samples
    middle = (rate + share / 2) / (1 + share)
    half = z * math.sqrt(rate * (1 - rate) / samples + share / samples / 4) / (1 + share)
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)
