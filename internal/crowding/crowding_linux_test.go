package crowding

import (
	"os/exec"
	"testing"
)

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
		if got := of([]byte(tt.loadavg), tt.processors); got != tt.want {
			t.Errorf("%q with %d processors: %d, want %d", tt.loadavg, tt.processors, got, tt.want)
		}
	}
	if Now() < 1 {
		t.Error("less than one thread for each processor")
	}
}

// The file that is kept open tells what is the case at each reading.
func TestCrowdingAgain(t *testing.T) {
	f, err := loadavg()
	if err != nil {
		t.Skip(err)
	}
	var before, now [256]byte
	for range 100 {
		n, _ := f.ReadAt(now[:], 0)
		if n == 0 {
			t.Fatal("nothing is read a second time")
		}
		if before[0] != 0 && now != before {
			return // the last process has another number
		}
		before = now
		if err := exec.Command("true").Run(); err != nil {
			t.Skip(err)
		}
	}
	t.Errorf("always %q", now)
}
