// Client: Node net, pipeline
// Package: nodejs
// Needs: node
// Server: sink
// Ends: 1 ETIMEDOUT
const fs = require('fs');
const net = require('net');
const { pipeline } = require('stream');

const { HOST, IDLE, PAYLOAD, PORT } = process.env;
const connection = net.connect(PORT, HOST);

function upload(start) {
    pipeline(fs.createReadStream(PAYLOAD, { start }), connection, error => {
        if (error) {
            console.error(`upload failed: ${error.message}`);
            process.exitCode = 1;
        }
    });
}

connection.resume();   // whatever the server says
if (IDLE) {
    connection.write(fs.readFileSync(PAYLOAD).subarray(0, 1000));
    setTimeout(upload, IDLE * 1000, 1000);
} else {
    upload(0);
}
