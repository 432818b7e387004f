# Client: Python requests, files=
# Package: python3-requests
# Needs: python3:requests
# Server: http
# TLS: yes
# Idle: stop
# Ends: 1 (?m)^requests.exceptions.(ConnectionError: .*TimeoutError|SSLError: .*SSLEOFError)
# Ends 1: 1 (?m)^requests.exceptions.ConnectTimeout:
# Ends 11: 1 (?m)^requests.exceptions.ReadTimeout:
import os

import requests

with open(os.environ['PAYLOAD'], 'rb') as f:
    response = requests.post(os.environ['URL'], files={'file': f}, verify=os.environ['CA'])
print(response.status_code, response.reason)
