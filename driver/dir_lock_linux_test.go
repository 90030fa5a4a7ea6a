package driver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// lockHow is a way to open and to lock a file.
type lockHow struct {
	flag   int
	shared bool
}

func (l lockHow) writes() bool { return l.flag == os.O_RDWR }

// A lock of a file excludes all other processes, also where one or both may only read
// the file. Processes that share the lock exclude all but one another. Locks belong to
// open files, so two open files of this process stand for two processes.
func TestDirLocksExclude(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	all := []lockHow{{os.O_RDWR, false}, {os.O_RDONLY, false}, {os.O_RDWR, true}, {os.O_RDONLY, true}}
	for _, one := range all {
		for _, other := range all {
			name := fmt.Sprintf("%+v %+v", one, other)
			f, err := os.OpenFile(path, one.flag, 0)
			require.NoError(t, err)
			g, err := os.OpenFile(path, other.flag, 0)
			require.NoError(t, err)
			require.NoError(t, lockFile(f, one.writes(), one.shared), name)
			if one.shared && other.shared {
				require.NoError(t, lockFile(g, other.writes(), other.shared), name)
			} else {
				require.Equal(t, errLocked, lockFile(g, other.writes(), other.shared), name)
				require.NoError(t, f.Close())
				f, err = os.OpenFile(path, one.flag, 0)
				require.NoError(t, err)
				require.NoError(t, lockFile(g, other.writes(), other.shared), name)
				require.Equal(t, errLocked, lockFile(f, one.writes(), one.shared), name)
			}
			require.NoError(t, g.Close())
			require.NoError(t, lockFile(f, one.writes(), false), name)
			require.NoError(t, f.Close())
		}
	}
}
