# Client: Python requests, an upload on a connection that was used before
# Package: python3-requests
# Needs: python3:requests
# Server: http
# TLS: yes
# Opening: 1000
# Ends: 1 (?m)^requests.exceptions.(ConnectionError: .*TimeoutError|SSLError: .*SSLEOFError)
# Ends 1: 1 (?m)^requests.exceptions.ConnectTimeout:
# Ends 11: 1 (?m)^requests.exceptions.ReadTimeout:
import os
import time

import requests

with requests.Session() as session:
    session.verify = os.environ['CA']
    session.get(os.environ['URL']).raise_for_status()
    if os.environ['IDLE']:
        time.sleep(float(os.environ['IDLE']))
    with open(os.environ['PAYLOAD'], 'rb') as f:
        response = session.put(os.environ['URL'], data=f)
print(response.status_code, response.reason)
