package passive

import (
	"context"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlice(t *testing.T) {
	for _, c := range []struct {
		set  string
		want []string
	}{
		{"21000-21019", []string{"21000-21019"}},
		{"21000-21019", []string{"21000-21009", "21010-21019"}},
		{"21000-21019", []string{"21000-21005", "21006-21012", "21013-21019"}},
		{"21000-21002", []string{"21000", "21001", "21002"}},
		{"21000-21010,!21005", []string{"21000-21004", "21006-21010"}},
		{"21000-21010,!21003-21005", []string{"21000-21002,21006", "21007-21010"}},
		{"21000,21002,21004,21006", []string{"21000,21002", "21004,21006"}},
		{"1-65535", []string{"1-32767", "32768-65535"}},
		{"65535", []string{"65535"}},
	} {
		for i, want := range c.want {
			p, err := ports(t, c.set).Slice(i, len(c.want))
			require.NoError(t, err, c)
			require.Equal(t, want, p.String(), c)
		}
	}
}

// However many instances there are, each port has one owner.
func TestSlicesShareNothing(t *testing.T) {
	whole := ports(t, "21000-21040,!21007,!21020-21024,30000")
	for n := 1; n <= whole.Len(); n++ {
		var all []uint16
		for i := range n {
			p, err := whole.Slice(i, n)
			require.NoError(t, err)
			require.InDelta(t, float64(whole.Len())/float64(n), p.Len(), 1)
			all = append(all, slices.Collect(p.Numbers())...)
		}
		require.Equal(t, slices.Collect(whole.Numbers()), all)
	}
}

func TestSliceErrors(t *testing.T) {
	for _, c := range []struct {
		set  string
		i, n int
		want string
	}{
		{"any", 0, 1, "have no slices"},
		{"21000-21019", 0, 0, "one of 0 instances; want 1 or more"},
		{"21000-21019", 0, -2, "one of -2 instances"},
		{"21000-21019", 2, 2, "no instance 2 of 2; they count from 0 to 1"},
		{"21000-21019", -1, 2, "no instance -1 of 2"},
		{"21000-21002,!21001", 0, 3, `"21000,21002" are 2, too few for 3 instances`},
	} {
		p, err := ports(t, c.set).Slice(c.i, c.n)
		require.Nil(t, p)
		require.ErrorContains(t, err, c.want)
	}
}

// Every option counts for a slice, also one that is added later.
func TestSliceKeepsOptions(t *testing.T) {
	p := ports(t, "21000-21001")
	p.Announce, p.Offset, p.TTL, p.Wait, p.Idle = Address("203.0.113.7"), 1, 2, 3, 4
	p.InsecureAnyPeer, p.StrictPeer, p.Logger = true, true, slog.New(slog.DiscardHandler)
	p.Listen = func(context.Context, string, string) (net.Listener, error) { return nil, nil }
	s, err := p.Slice(1, 2)
	require.NoError(t, err)
	from, to := reflect.ValueOf(p).Elem(), reflect.ValueOf(s).Elem()
	for i := range from.NumField() {
		field := from.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		require.False(t, from.Field(i).IsZero(), "the test sets no %s", field.Name)
		if field.Type.Kind() == reflect.Func {
			require.Equal(t, from.Field(i).Pointer(), to.Field(i).Pointer(), field.Name)
		} else {
			require.Equal(t, from.Field(i).Interface(), to.Field(i).Interface(), field.Name)
		}
	}
}
