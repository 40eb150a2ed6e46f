"""larpix-control appends to a log until a line comes on stdin: `writer.py PATH SECONDS_BETWEEN_CALLS`.

Runs after `stream.py`. A call that fails is counted and made again; a recorder would have lost its messages. Prints
what came of it as JSON.
"""

import json
import sys
import threading
import time

from larpix.format import rawhdf5format as raw

path, pause = sys.argv[1], float(sys.argv[2])
print("ready", flush=True)
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
calls, n, size, errors, k = 0, 0, 0, {}, 0
next_call = time.monotonic()
while not ended.is_set():
    k += 1
    count = 1 + k * 7 % 60 if pause else 1000
    batch = [message(i) for i in range(n, n + count)]
    groups = [i % 256 for i in range(n, n + count)]
    try:
        raw.to_rawfile(path, msgs=batch, msg_headers={"io_groups": groups})
        calls, n, size = calls + 1, n + count, size + sum(map(len, batch))
    except Exception as e:
        text = f"{type(e).__name__}: {' '.join(str(e).split())}"[:160]
        errors[text] = errors.get(text, 0) + 1
        # What of it is there is known only by looking.
        while not ended.is_set():
            try:
                n = raw.len_rawfile(path)
                break
            except Exception:
                pass
    if pause:
        next_call += pause
        time.sleep(max(0.0, next_call - time.monotonic()))
print(json.dumps({"publishes": calls, "messages": n, "bytes": size, "errors": errors}))
