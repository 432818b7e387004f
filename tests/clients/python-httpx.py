# Client: Python httpx
# Package: python3-httpx
# Needs: python3:httpx
# Server: http
# TLS: yes
# Ends: 1 (?m)^httpx.(WriteTimeout|WriteError: EOF occurred)
# Ends 1: 1 (?m)^httpx.ConnectTimeout
# Ends 11: 1 (?m)^httpx.(ReadTimeout|ConnectTimeout): .Errno 110
import os
import time

import httpx

with httpx.Client(verify=os.environ['CA'], timeout=None) as client:
    if os.environ['IDLE']:
        client.get(os.environ['URL'])
        time.sleep(float(os.environ['IDLE']))
    with open(os.environ['PAYLOAD'], 'rb') as f:
        response = client.put(os.environ['URL'], content=f)
print(response.status_code, response.reason_phrase)
