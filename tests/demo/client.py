#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Upload a file with requests, as anybody would, and print as JSON what came of it.

usage: client.py URL FILE TIMEOUT [IDLE]

TIMEOUT is what requests takes: "None" or "(1, 50)". With IDLE, a Session fetches URL first and then rests that many
seconds, so that the upload goes over a connection that has been idle.

The first line printed is {"began": T}, the second the outcome: "status", or "error" (the exception's type), "text" and
"cause" (the exception it all began with), and "ended". The times are CLOCK_MONOTONIC, which processes share; "waited" are
the seconds in between for which there was no processor.
"""
import ast
import json
import os
import sys
import time

import requests

sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))

from load import waited


def say(**what):
    print(json.dumps(what), flush=True)


def first_cause(error):
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return error


def main(url, path, timeout, idle=None):
    timeout = ast.literal_eval(timeout)
    http = requests
    if idle:
        http = requests.Session()
        http.get(url, timeout=timeout)
        time.sleep(float(idle))
    waited_before = waited()
    began = time.monotonic()
    say(began=began)
    try:
        with open(path, 'rb') as f:
            answer = http.post(url, files={'file': f}, timeout=timeout)
        outcome = {'status': answer.status_code}
    except requests.RequestException as error:
        outcome = {'error': type(error).__name__, 'text': str(error), 'cause': str(first_cause(error))}
    ended = time.monotonic()
    say(**outcome, ended=ended, seconds=round(ended - began, 3), waited=round(waited() - waited_before, 3))


if __name__ == '__main__':
    main(*sys.argv[1:])
