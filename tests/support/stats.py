"""Statistical checks for random choices: a correct proxy fails one of them once in a million runs."""

import math

ALPHA = 1e-6


def binomial_tail(successes, trials, probability):
    """Two-sided tail: the chance of a count at least as far out as `successes`, computed exactly."""
    if probability in (0.0, 1.0):
        return 1.0 if successes == trials * probability else 0.0

    def log_mass(count):
        return (math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
                + count * math.log(probability) + (trials - count) * math.log1p(-probability))

    below = range(0, successes + 1)
    above = range(successes, trials + 1)
    return min(1.0, 2 * min(sum(math.exp(log_mass(count)) for count in side) for side in (below, above)))


def assert_share(successes, trials, probability, alpha=ALPHA):
    """Fails unless `successes` of `trials` is believable for an event of this probability."""
    chance = binomial_tail(successes, trials, probability)
    assert chance > alpha, (f"{successes} of {trials} ({successes / trials:.1%}) where {probability:.1%} was wanted: "
                            f"chance {chance:.2g}")


def chi_square_tail(statistic, degrees):
    """The chance of a chi-square value at least this large: the regularised upper incomplete gamma function."""
    shape, value = degrees / 2, statistic / 2
    if value <= 0:
        return 1.0
    scale = math.exp(-value + shape * math.log(value) - math.lgamma(shape))
    if value < shape + 1:
        term = total = 1 / shape
        index = shape
        while abs(term) > abs(total) * 1e-14:
            index += 1
            term *= value / index
            total += term
        return 1 - total * scale
    tiny = 1e-300
    b = value + 1 - shape
    c, d = 1 / tiny, 1 / b
    fraction = d
    for step in range(1, 10000):
        factor = -step * (step - shape)
        b += 2
        d = 1 / (factor * d + b or tiny)
        c = b + factor / c or tiny
        fraction *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return fraction * scale


def assert_split(counts, weights, alpha=ALPHA):
    """Fails unless the counts by name are believable for these weights; a name of weight 0 must never be seen."""
    total, weight = sum(counts.values()), sum(weights.values())
    strangers = {name for name in counts if not weights.get(name)}
    assert not strangers, f"traffic to {strangers}, which has no weight: {counts}"
    wanted = {name: total * share / weight for name, share in weights.items() if share}
    statistic = sum((counts.get(name, 0) - want) ** 2 / want for name, want in wanted.items())
    chance = chi_square_tail(statistic, len(wanted) - 1) if len(wanted) > 1 else 1.0
    assert chance > alpha, f"{dict(counts)} where {weights} was wanted: chance {chance:.2g}"
