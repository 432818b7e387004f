// Client: Node fetch
// Package: nodejs
// Needs: node
// Server: http
// TLS: yes
// Run: env NODE_EXTRA_CA_CERTS=$CA NODE_NO_WARNINGS=1 node $FILE
// Ends: 1 ETIMEDOUT
// Bare 9: undici takes no 100 Continue that it did not ask for: "bad response" (onHeadersComplete in lib/client.js)
const fs = require('fs');

const { IDLE, PAYLOAD, URL } = process.env;
const data = fs.readFileSync(PAYLOAD);

// fetch closes a connection that rested for 4 s, so the rest is in the middle of a request.
async function* slowly() {
    yield data.subarray(0, 1000);
    await new Promise(done => setTimeout(done, IDLE * 1000));
    yield data.subarray(1000);
}

fetch(URL, { method: 'PUT', body: IDLE ? slowly() : data, duplex: 'half' })
    .then(async answer => {
        await answer.text();
        console.log(answer.status);
    })
    .catch(error => {
        console.error(`upload failed: ${error.message}: ${error.cause}`);
        process.exitCode = 1;
    });
