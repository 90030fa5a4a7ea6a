package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A fake is a contender in this process that notes what is called.
type fake struct {
	name string
	log  *[]string
}

func (f fake) contender(t *testing.T) contender {
	return contender{f.name, func(_ context.Context, s *setup) (*instance, error) {
		require.DirExists(t, s.scratch)
		require.DirExists(t, s.root)
		require.FileExists(t, s.cert)
		require.FileExists(t, s.key)
		*f.log = append(*f.log, "start "+f.name+" "+s.ports)
		stop := func() error {
			*f.log = append(*f.log, "stop "+f.name)
			return nil
		}
		return &instance{contender: f.name, stop: stop}, nil
	}}
}

// newRunner returns a runner with the fakes a, b, c and the limit.
func newRunner(t *testing.T, workloads ...workload) (r *runner, log *[]string) {
	t.Helper()
	log = new([]string)
	r = &runner{workloads: workloads, limit: "limit", rounds: 3, enough: time.Hour, patience: time.Hour, progress: t.Output()}
	for _, name := range []string{"a", "b", "c", "limit"} {
		r.contenders = append(r.contenders, fake{name, log}.contender(t))
	}
	r.dir = t.TempDir()
	require.NoError(t, r.setup.furnish(r.dir))
	return r, log
}

func TestRounds(t *testing.T) {
	costs := map[string]float64{"a": 1, "b": 2, "c": 3}
	var prepared []string
	r, log := newRunner(t, workload{
		name: "one", title: "Something", unit: "file", ports: "21000",
		prepare: func(root string) error { prepared = append(prepared, root); return nil },
		run: func(_ context.Context, l *load) (sample, error) {
			costs[l.contender] *= 2
			return sample{cpu: costs[l.contender]}, nil
		},
	})
	outcomes, err := r.run(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{r.setup.root}, prepared)
	require.Equal(t, []outcome{{"one", "Something", "file", []row{
		{Server: "a", Samples: []sample{{cpu: 2}, {cpu: 4}, {cpu: 8}}},
		{Server: "b", Samples: []sample{{cpu: 4}, {cpu: 8}, {cpu: 16}}},
		{Server: "c", Samples: []sample{{cpu: 6}, {cpu: 12}, {cpu: 24}}},
	}}}, outcomes)
	var want []string
	for _, name := range strings.Fields("a b c  b c a  c a b") {
		want = append(want, "start "+name+" 21000", "stop "+name)
	}
	require.Equal(t, want, *log)
	entries, err := os.ReadDir(r.dir)
	require.NoError(t, err)
	require.Len(t, entries, 3) // the certificate, the key and the files: no scratch directory is left
}

// TestOnly checks that the limit runs only the workloads made for it.
func TestOnly(t *testing.T) {
	run := func(context.Context, *load) (sample, error) { return sample{cpu: 1}, nil }
	r, log := newRunner(t, workload{name: "two", only: []string{"limit"}, run: run}, workload{name: "three", only: []string{"nobody"}, run: run})
	r.rounds = 1
	outcomes, err := r.run(t.Context())
	require.NoError(t, err)
	require.Len(t, outcomes, 1)
	require.Equal(t, []string{"start limit " + usualPorts, "stop limit"}, *log)
}

func TestFailures(t *testing.T) {
	b := 0
	r, log := newRunner(t, workload{name: "w", run: func(_ context.Context, l *load) (sample, error) {
		switch l.contender {
		case "a":
			return nil, errors.New("it can't\n\tdo that")
		case "b":
			if b++; b == 2 {
				return nil, errors.New("not now")
			}
		}
		return sample{cpu: 1}, nil
	}})
	r.contenders[2].start = func(context.Context, *setup) (*instance, error) { return nil, errors.New("no such program") }
	outcomes, err := r.run(t.Context())
	require.NoError(t, err)
	one := sample{cpu: 1}
	require.Equal(t, []row{
		{Server: "a", Errors: []string{"it can't do that", "it can't do that"}}, // fails twice and is not tried again
		{Server: "b", Samples: []sample{one, one}, Errors: []string{"not now"}},
		{Server: "c", Errors: []string{"start: no such program", "start: no such program"}},
	}, outcomes[0].Rows)
	require.Len(t, *log, 2*(2+3))
}

// TestTimes checks that a workload that takes long gets fewer rounds, and that
// one that hangs is ended and gets none.
func TestTimes(t *testing.T) {
	r, _ := newRunner(t, workload{name: "long", run: func(context.Context, *load) (sample, error) { return sample{cpu: 1}, nil }})
	r.enough = 0
	outcomes, err := r.run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, outcomes[0].rounds())

	r, log := newRunner(t, workload{name: "hangs", run: func(ctx context.Context, _ *load) (sample, error) {
		<-ctx.Done()
		return nil, errors.New("some connection broke")
	}})
	r.patience = time.Millisecond
	outcomes, err = r.run(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"not done after 1ms", "not done after 1ms"}, outcomes[0].Rows[0].Errors)
	require.Equal(t, "stop a", (*log)[len(*log)-1])
}

// TestInterrupted checks that Ctrl-C stops the running server, and that the
// complete outcomes are reported.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r, log := newRunner(t,
		workload{name: "first", run: func(context.Context, *load) (sample, error) { return sample{cpu: 1}, nil }},
		workload{name: "second", run: func(ctx context.Context, _ *load) (sample, error) {
			cancel(errors.New("interrupted"))
			return nil, ctx.Err()
		}})
	outcomes, err := r.run(ctx)
	require.EqualError(t, err, "interrupted")
	require.Len(t, outcomes, 1)
	require.Equal(t, "stop a", (*log)[len(*log)-1])
}

// TestFrom checks that an earlier run can be reported again from its samples
// alone.
func TestFrom(t *testing.T) {
	chart := filepath.Join(t.TempDir(), "chart.svg")
	var out strings.Builder
	err := command(t.Context(), []string{"-from", filepath.Join("testdata", "results.json"), "-svg", chart, "-markdown", "-check"}, &out, t.Output())
	require.EqualError(t, err, "3 marks missed")
	golden(t, "report.md", out.String())
	drawn, err := os.ReadFile(chart)
	require.NoError(t, err)
	golden(t, "chart.svg", string(drawn))
}

func TestFree(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	require.ErrorContains(t, free(t.Context(), port), port)
	require.NoError(t, ln.Close())
	require.NoError(t, free(t.Context(), port))
}

func TestCommandLine(t *testing.T) {
	for _, args := range []string{"-run (", "-rounds 0", "-what", "more"} {
		_, err := parse(strings.Fields(args), io.Discard)
		require.ErrorIs(t, err, errUsage, args)
	}
	opts, err := parse(strings.Fields("-quick -servers a,b"), io.Discard)
	require.NoError(t, err)
	require.Equal(t, 1, opts.rounds)
	require.Equal(t, []string{"a", "b"}, opts.servers)

	all := []contender{{name: "a"}, {name: "B"}, {name: "c"}}
	chosen, err := choose(all, []string{"b", "A"})
	require.NoError(t, err)
	require.Equal(t, "B", chosen[0].name)
	require.Equal(t, "a", chosen[1].name)
	_, err = choose(all, []string{"d"})
	require.ErrorContains(t, err, `"d"`)
}
