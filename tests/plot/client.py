# SPDX-License-Identifier: MIT
"""Upload so many bytes by requests, and print what came of it: client.py URL BYTES"""
import sys
import tempfile

import requests

with tempfile.TemporaryFile() as file:
    file.truncate(int(sys.argv[2]))
    try:
        print(requests.post(sys.argv[1], data=file).status_code)
    except requests.exceptions.ConnectionError as error:
        print(error)
