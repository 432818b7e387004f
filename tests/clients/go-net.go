// Client: Go, net
// Needs: go
// Server: sink
// Build: HOME=$BUILT CGO_ENABLED=0 go build -o $BUILT/upload $FILE
// Run: $BUILT/upload
// Cannot 1 2 3 4 5 6 7 8 9 10 11 12: Go calls the kernel itself, without libc (runtime/internal/syscall), linked
//   statically or not. sndtimeo refuses to start it, with 125
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
