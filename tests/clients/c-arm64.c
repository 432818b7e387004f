// Client: C for arm64, under qemu-user
// Package: qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross
// Needs: qemu-aarch64-static aarch64-linux-gnu-gcc
// Server: sink
// Ways: outside
// Build: aarch64-linux-gnu-gcc -O2 -static -o $BUILT/upload $FILE
// Run: qemu-aarch64-static $BUILT/upload
// Ends: 1 Connection timed out
#include "c-static.c"
