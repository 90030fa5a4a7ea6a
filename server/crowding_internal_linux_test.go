package server

import "testing"

func TestCrowding(t *testing.T) {
	for _, tt := range []struct {
		loadavg    string
		processors int
		want       int
	}{
		{"0.20 0.18 0.12 1/80 11206\n", 2, 1},
		{"0.20 0.18 0.12 3/80 11206\n", 2, 1},
		{"6.20 3.18 1.12 9/80 11206\n", 2, 4},
		{"6.20 3.18 1.12 9/80 11206\n", 64, 1},
		{"0.20 0.18 0.12 0/80 11206\n", 2, 1},
		{"nonsense", 2, 1},
		{"a b c d", 2, 1},
		{"", 2, 1},
	} {
		if got := crowdingOf([]byte(tt.loadavg), tt.processors); got != tt.want {
			t.Errorf("%q with %d processors: %d, want %d", tt.loadavg, tt.processors, got, tt.want)
		}
	}
	if crowding() < 1 {
		t.Error("less than one thread for each processor")
	}
}
