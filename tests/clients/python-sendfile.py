# Client: Python socket, sendfile
# Package: python3
# Needs: python3
# Server: sink
# Ends: 1 TimeoutError
import os
import socket
import time

connection = socket.create_connection((os.environ['HOST'], int(os.environ['PORT'])))
with open(os.environ['PAYLOAD'], 'rb') as f:
    if os.environ['IDLE']:
        connection.sendfile(f, count=1000)
        time.sleep(float(os.environ['IDLE']))
    connection.sendfile(f, offset=f.tell())
connection.shutdown(socket.SHUT_WR)
while connection.recv(65536):
    pass
