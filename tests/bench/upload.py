# SPDX-License-Identifier: MIT
"""Upload a file with requests, once for each line of the input: upload.py URL FILE CERTIFICATE CONNECT_S READ_S (- for
neither). Prints the seconds that each took."""
import sys
import time

import requests

url, path, certificate, *given = sys.argv[1:]
timeout = None if given[0] == '-' else tuple(float(seconds) for seconds in given)
for _ in sys.stdin:
    with open(path, 'rb') as body:
        begun = time.monotonic()
        answer = requests.post(url, data=body, verify=certificate, timeout=timeout)
        seconds = time.monotonic() - begun
    answer.raise_for_status()
    print(seconds, flush=True)
