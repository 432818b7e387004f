# Client: Python pycurl
# Package: python3-pycurl
# Needs: python3:pycurl
# Server: http
# TLS: yes
# Ends: 1 (?m)^pycurl.error: \((35|55|56), '.*timed out
# Ends 1: 1 (?m)^pycurl.error: \(28, .Failed to connect
import io
import os
import time

import pycurl

curl = pycurl.Curl()
curl.setopt(pycurl.URL, os.environ['URL'])
curl.setopt(pycurl.CAINFO, os.environ['CA'])
curl.setopt(pycurl.WRITEDATA, io.BytesIO())
if os.environ['IDLE']:
    curl.perform()
    time.sleep(float(os.environ['IDLE']))
with open(os.environ['PAYLOAD'], 'rb') as f:
    curl.setopt(pycurl.UPLOAD, True)
    curl.setopt(pycurl.READDATA, f)
    curl.setopt(pycurl.INFILESIZE, os.path.getsize(os.environ['PAYLOAD']))
    curl.perform()
print(curl.getinfo(pycurl.RESPONSE_CODE))
