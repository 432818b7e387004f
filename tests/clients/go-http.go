// Client: Go, net/http
// Package: golang-go
// Needs: go
// Server: http
// TLS: yes
// Ways: outside
// Build: HOME=$BUILT CGO_ENABLED=0 go build -o $BUILT/upload $FILE
// Run: $BUILT/upload
// Ends: 1 connection timed out
// Bare 9: Go takes five interim answers (100 Continue) at most, max1xxResponses in net/http/transport.go
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func trusted() *tls.Config {
	pem, err := os.ReadFile(os.Getenv("CA"))
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool}
}

func finish(response *http.Response, err error) {
	check(err)
	_, err = io.Copy(io.Discard, response.Body)
	check(err)
	response.Body.Close()
}

func main() {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: trusted()}}
	url := os.Getenv("URL")
	if idle, err := strconv.Atoi(os.Getenv("IDLE")); err == nil {
		finish(client.Get(url))
		time.Sleep(time.Duration(idle) * time.Second)
	}
	payload, err := os.Open(os.Getenv("PAYLOAD"))
	check(err)
	about, err := payload.Stat()
	check(err)
	request, err := http.NewRequest("PUT", url, payload)
	check(err)
	request.ContentLength = about.Size()
	response, err := client.Do(request)
	finish(response, err)
	fmt.Println(response.Status)
}
