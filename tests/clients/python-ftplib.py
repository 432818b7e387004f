# Client: Python ftplib
# Package: python3 python3-pyftpdlib
# Needs: python3 python3:pyftpdlib
# Server: ftp
# Ends: 1 TimeoutError
# Note: without "with FTP(...)", which says QUIT after a failure, and waits for the answer
import ftplib
import os
import time

connection = ftplib.FTP()
connection.connect(os.environ['HOST'], int(os.environ['PORT']))
connection.login()
if os.environ['IDLE']:
    time.sleep(float(os.environ['IDLE']))
with open(os.environ['PAYLOAD'], 'rb') as f:
    connection.storbinary('STOR payload', f)
connection.quit()
