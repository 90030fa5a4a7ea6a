//go:build race

package passive

// raceEnabled tells that the race detector is at work, under which everything takes about ten times as long.
const raceEnabled = true
