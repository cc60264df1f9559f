"""Comparisons that print one line each and remember whether all held."""

import numpy as np


class Comparison:
    """Counts what was compared and what failed; every comparison prints one line."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def report(self, holds, name, message):
        """The line `ok name: message` or `FAIL name: message`."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if holds else 'FAIL'} {name}: {message}")
        return holds

    def equal(self, name, found, expected):
        """Exactly the same value."""
        same = found == expected
        return self.report(same, name, repr(found) if same else f"{found!r} instead of {expected!r}")

    def members(self, name, found, expected):
        """The same names, in any order."""
        missing, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
        message = f"{len(set(expected))} names" if not missing and not extra else f"missing {missing}, extra {extra}"
        return self.report(not missing and not extra, name, message)

    def close(self, name, found, expected, limit, relative_above=None):
        """|found - expected| <= limit everywhere; NaN and infinities at the same places.

        With `relative_above` differences are divided by max(relative_above, |expected|).
        """
        found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
        if found.shape != expected.shape:
            return self.report(False, name, f"shape {found.shape} instead of {expected.shape}")
        finite = np.isfinite(expected)
        elsewhere = np.array_equal(found[~finite], expected[~finite], equal_nan=True)
        if not elsewhere or not np.isfinite(found[finite]).all():
            wrong = np.count_nonzero(_kind(found) != _kind(expected))
            return self.report(False, name, f"{wrong} of {found.size} values differ in being NaN, infinite or finite")
        difference = np.abs(found[finite] - expected[finite])
        if relative_above is not None:
            difference = difference / np.maximum(relative_above, np.abs(expected[finite]))
        most = float(difference.max(initial=0.0))
        return self.report(most <= limit, name, f"max difference {most:.3g} (limit {limit:.3g})")

    def status(self):
        """Exit status: 0 all held, 1 something failed, 2 nothing was compared."""
        if self.failed:
            return 1
        return 0 if self.passed else 2


def _kind(values):
    """0 finite, 1 NaN, 2 and 3 the infinities."""
    return np.select([np.isnan(values), values == np.inf, values == -np.inf], [1, 2, 3], 0)


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc32c_table()


def crc32c(data):
    """CRC-32C (Castagnoli, reflected, polynomial 0x1EDC6F41), a byte at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
