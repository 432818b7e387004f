# Client: Python smtplib
# Package: python3 python3-aiosmtpd
# Needs: python3 python3:aiosmtpd
# Server: smtp
# TLS: yes
# Ends: 1 TimeoutError|SSLEOFError|Connection timed out
import os
import smtplib
import ssl
import time

# Its own name, or smtplib asks the DNS for it.
to = {'host': os.environ['HOST'], 'port': int(os.environ['PORT']), 'local_hostname': 'localhost'}
if os.environ['TLS']:
    connection = smtplib.SMTP_SSL(**to, context=ssl.create_default_context(cafile=os.environ['CA']))
else:
    connection = smtplib.SMTP(**to)
if os.environ['IDLE']:
    connection.noop()
    time.sleep(float(os.environ['IDLE']))
with open(os.environ['PAYLOAD']) as f:
    connection.sendmail('from@localhost', ['to@localhost'], 'Subject: payload\n\n' + f.read())
connection.quit()
