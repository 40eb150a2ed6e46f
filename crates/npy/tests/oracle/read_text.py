"""Reads texts (a file of JSON lines: descr, sep, count, text as Latin-1) and prints the elements' bytes, or null."""
import json
import sys
import tempfile
import warnings

import numpy as np

warnings.simplefilter("error")
with tempfile.TemporaryFile(buffering=0) as f, open(sys.argv[1]) as lines:
    for line in lines:
        descr, sep, count, text = json.loads(line)
        f.seek(0)
        f.truncate()
        f.write(text.encode("latin-1"))
        f.seek(0)
        try:
            found = np.fromfile(f, descr, sep=sep, count=count).tobytes().hex()
        except (ValueError, TypeError, DeprecationWarning):
            found = None
        print(json.dumps(found))
