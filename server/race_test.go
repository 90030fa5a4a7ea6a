//go:build race

package server_test

// raceEnabled tells that the race detector is at work, which makes everything ten times slower.
const raceEnabled = true
