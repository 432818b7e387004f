# Client: Python requests, bytes in data=
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
    data = f.read()
response = requests.put(os.environ['URL'], data=data, verify=os.environ['CA'])
print(response.status_code, response.reason)
