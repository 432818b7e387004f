# Client: Python http.client, a file as the body
# Package: python3
# Needs: python3
# Server: http
# TLS: yes
# Ends: 1 (?m)^(TimeoutError|ssl.SSLEOFError):
# Note: over TLS CPython 3.10 to 3.12 reports every failed send as SSLEOFError (gh-115627)
import http.client
import os
import ssl
import time

host, port = os.environ['HOST'], int(os.environ['PORT'])
if os.environ['TLS']:
    context = ssl.create_default_context(cafile=os.environ['CA'])
    connection = http.client.HTTPSConnection(host, port, context=context)
else:
    connection = http.client.HTTPConnection(host, port)
if os.environ['IDLE']:
    connection.request('GET', '/')
    connection.getresponse().read()
    time.sleep(float(os.environ['IDLE']))
with open(os.environ['PAYLOAD'], 'rb') as f:
    connection.request('PUT', '/', body=f)
response = connection.getresponse()
print(response.status, response.reason)
