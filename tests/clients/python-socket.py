# Client: Python socket, sendall
# Package: python3
# Needs: python3
# Server: sink
# TLS: yes
# Ends: 1 TimeoutError|SSLEOFError
import os
import socket
import ssl
import time

connection = socket.create_connection((os.environ['HOST'], int(os.environ['PORT'])))
if os.environ['TLS']:
    context = ssl.create_default_context(cafile=os.environ['CA'])
    connection = context.wrap_socket(connection, server_hostname='localhost')
with open(os.environ['PAYLOAD'], 'rb') as f:
    data = f.read()
if os.environ['IDLE']:
    connection.sendall(data[:1000])
    data = data[1000:]
    time.sleep(float(os.environ['IDLE']))
connection.sendall(data)
# Over TLS this takes the wrapping off, too: what is read then is the peer's last records.
connection.shutdown(socket.SHUT_WR)
while connection.recv(65536):
    pass
