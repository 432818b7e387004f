# Client: Python requests with Retry(total=2)
# Package: python3-requests
# Needs: python3:requests
# Server: http
# TLS: yes
# Idle: stop
# Tries: 3
# Ends: 1 (?m)^requests.exceptions.(ConnectionError: .*TimeoutError|SSLError: .*SSLEOFError)
# Ends 1: 1 (?m)^requests.exceptions.ConnectTimeout:
# Ends 4: 1 (?m)^requests.exceptions.ConnectTimeout:
# Note: it tries three times, so all in all it takes three times the limit; without a network the second and the third
#   fail at connecting. A peer that goes on meanwhile gets the upload at the second try
import os

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

retry = Retry(total=2, read=2, other=2, allowed_methods=['PUT', 'POST'])
with requests.Session() as session:
    session.mount('http://', HTTPAdapter(max_retries=retry))
    session.mount('https://', HTTPAdapter(max_retries=retry))
    session.verify = os.environ['CA']
    with open(os.environ['PAYLOAD'], 'rb') as f:
        response = session.put(os.environ['URL'], data=f)
print(response.status_code, response.reason)
