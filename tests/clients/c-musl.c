// Client: C, musl, linked statically
// Package: musl-tools
// Needs: musl-gcc
// Server: sink
// Ways: outside
// Build: musl-gcc -O2 -static -o $BUILT/upload $FILE
// Run: $BUILT/upload
// Ends: 1 Operation timed out
#include "c-static.c"
