// Client: Go, net
// Package: golang-go
// Needs: go
// Server: sink
// Ways: outside
// Build: HOME=$BUILT CGO_ENABLED=0 go build -o $BUILT/upload $FILE
// Run: $BUILT/upload
// Ends: 1 connection timed out
package main

import (
	"fmt"
	"io"
	"net"
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

func main() {
	connection, err := net.Dial("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	check(err)
	data, err := os.ReadFile(os.Getenv("PAYLOAD"))
	check(err)
	if idle, err := strconv.Atoi(os.Getenv("IDLE")); err == nil {
		_, err = connection.Write(data[:1000])
		check(err)
		data = data[1000:]
		time.Sleep(time.Duration(idle) * time.Second)
	}
	_, err = connection.Write(data)
	check(err)
	check(connection.(*net.TCPConn).CloseWrite())
	_, err = io.Copy(io.Discard, connection)
	check(err)
}
