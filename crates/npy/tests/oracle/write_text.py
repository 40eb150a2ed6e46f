"""Writes arrays as text (a file of JSON lines: descr, elements in hex, sep, format) and prints the text, or null."""
import json
import sys
import tempfile
import warnings

import numpy as np

warnings.simplefilter("ignore")


def description(d):
    return d if isinstance(d, str) else [(name, description(inner)) for name, inner in d]


with tempfile.TemporaryFile(buffering=0) as f, open(sys.argv[1]) as lines:
    for line in lines:
        descr, elements, sep, form = json.loads(line)
        array = np.frombuffer(bytes.fromhex(elements), np.dtype(description(descr)))
        f.seek(0)
        f.truncate()
        try:
            array.tofile(f, sep=sep, format=form)
            f.seek(0)
            written = f.read().decode("latin-1")
        except (ValueError, TypeError, OverflowError):
            written = None
        print(json.dumps(written))
