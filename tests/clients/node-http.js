// Client: Node http, https
// Package: nodejs
// Needs: node
// Server: http
// TLS: yes
// Ends: 1 ETIMEDOUT
const fs = require('fs');
const { CA, IDLE, PAYLOAD, SIZE, TLS, URL } = process.env;
const http = require(TLS ? 'https' : 'http');

const agent = new http.Agent({ keepAlive: true, ca: fs.readFileSync(CA) });

function request(method, headers, then) {
    const sent = http.request(URL, { method, headers, agent }, answer => {
        answer.resume();
        answer.on('end', () => {
            console.log(answer.statusCode);
            then();
        });
    });
    sent.on('error', error => {
        console.error(`upload failed: ${error.message}`);
        process.exit(1);
    });
    return sent;
}

function upload() {
    const sent = request('PUT', { 'Content-Length': SIZE }, () => agent.destroy());
    fs.createReadStream(PAYLOAD).pipe(sent);
}

if (IDLE) {
    request('GET', {}, () => setTimeout(upload, IDLE * 1000)).end();
} else {
    upload();
}
