# Client: psycopg2, copy_expert
# Package: python3-psycopg2 postgresql
# Needs: python3:psycopg2 pg_ctlcluster
# Server: postgres
# TLS: yes
# Ends: 1 timed out
# Resets: 1 server closed the connection unexpectedly|EOF detected
import os
import time

import psycopg2

server = {'host': os.environ['HOST'], 'port': os.environ['PORT'], 'user': 'postgres', 'dbname': 'postgres'}
tls = {'sslmode': 'verify-full', 'sslrootcert': os.environ['CA']} if os.environ['TLS'] else {}
connection = psycopg2.connect(**server, **tls)
with connection, connection.cursor() as cursor, open(os.environ['PAYLOAD'], encoding='ascii') as f:
    if os.environ['IDLE']:
        cursor.execute('SELECT 1')
        time.sleep(float(os.environ['IDLE']))
    cursor.copy_expert('COPY t FROM STDIN', f)
