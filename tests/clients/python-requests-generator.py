# Client: Python requests, a generator in data= (chunked)
# Package: python3-requests
# Needs: python3:requests
# Server: http
# TLS: yes
# Ends: 1 (?m)^(requests.exceptions.ConnectionError: .*Errno 110|ssl.SSLEOFError:)
# Ends 1: 1 (?m)^urllib3.exceptions.ConnectTimeoutError:
import os
import time

import requests


def pieces(path):
    with open(path, 'rb') as f:
        yield f.read(1000)
        if os.environ['IDLE']:
            time.sleep(float(os.environ['IDLE']))
        while piece := f.read(65536):
            yield piece


response = requests.put(os.environ['URL'], data=pieces(os.environ['PAYLOAD']), verify=os.environ['CA'])
print(response.status_code, response.reason)
