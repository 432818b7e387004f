# Client: Python requests, files= and timeout=(3, 80)
# Package: python3-requests
# Needs: python3:requests
# Server: http
# TLS: yes
# Ends: 1 (?m)^requests.exceptions.ConnectionError: .*(TimeoutError|The write operation timed out)
# Ends 1: 1 (?m)^requests.exceptions.ConnectTimeout:
# Ends 11: 1 (?m)^requests.exceptions.ReadTimeout:
# Resets: 1 (?m)^requests.exceptions.SSLError: .*SSLEOFError
# Bare 6: urllib3 sends under the connect timeout, so bare it gives up after 3 s, before the peer goes on
# Cures 7 9 12: urllib3 sends under the connect timeout (its _make_request() sets it, and CPython's sendall() counts it
#   for the whole body): bare an upload that takes longer than 3 s fails on a healthy peer
import os
import time

import requests

with requests.Session() as session:
    session.verify = os.environ['CA']
    if os.environ['IDLE']:
        session.get(os.environ['URL'], timeout=(3, 80))
        time.sleep(float(os.environ['IDLE']))
    with open(os.environ['PAYLOAD'], 'rb') as f:
        response = session.post(os.environ['URL'], files={'file': f}, timeout=(3, 80))
print(response.status_code, response.reason)
