// Client: Node tls, one write
// Package: nodejs
// Needs: node
// Server: sink
// TLS: only
// Ends: 1 ETIMEDOUT
const fs = require('fs');
const tls = require('tls');

const { CA, HOST, IDLE, PAYLOAD, PORT } = process.env;
const data = fs.readFileSync(PAYLOAD);
const connection = tls.connect({ host: HOST, port: PORT, servername: 'localhost', ca: fs.readFileSync(CA) });

connection.on('error', error => {
    console.error(`upload failed: ${error.message}`);
    process.exitCode = 1;
});
connection.resume();   // whatever the server says
if (IDLE) {
    connection.write(data.subarray(0, 1000));
    setTimeout(() => connection.end(data.subarray(1000)), IDLE * 1000);
} else {
    connection.end(data);
}
