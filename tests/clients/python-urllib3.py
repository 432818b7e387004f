# Client: Python urllib3, PoolManager
# Package: python3-urllib3
# Needs: python3:urllib3
# Server: http
# TLS: yes
# Ends: 1 (?m)^urllib3.exceptions.(ProtocolError: .*TimeoutError|SSLError: .*EOF)
# Ends 1: 1 (?m)^urllib3.exceptions.ConnectTimeoutError:
# Ends 11: 1 (?m)^urllib3.exceptions.ReadTimeoutError:
import os
import time

import urllib3

pool = urllib3.PoolManager(ca_certs=os.environ['CA'])
if os.environ['IDLE']:
    pool.request('GET', os.environ['URL'])
    time.sleep(float(os.environ['IDLE']))
with open(os.environ['PAYLOAD'], 'rb') as f:
    response = pool.request('PUT', os.environ['URL'], body=f, retries=False)
print(response.status, response.reason)
