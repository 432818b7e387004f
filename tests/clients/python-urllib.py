# Client: Python urllib.request
# Package: python3
# Needs: python3
# Server: http
# TLS: yes
# Idle: stop
# Ends: 1 (?m)^urllib.error.URLError: <urlopen error (\[Errno 110\] Connection timed out|EOF occurred in violation)
# Ends 11: 1 (?m)^(TimeoutError: .Errno 110|urllib.error.URLError: <urlopen error .Errno 110)
import os
import ssl
import urllib.request

context = ssl.create_default_context(cafile=os.environ['CA']) if os.environ['TLS'] else None
with open(os.environ['PAYLOAD'], 'rb') as f:
    request = urllib.request.Request(os.environ['URL'], data=f.read(), method='PUT')
with urllib.request.urlopen(request, context=context) as response:
    print(response.status, response.reason)
