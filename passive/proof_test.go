package passive

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// whose is a stand-in for TLS: a client says one line first, "proof " and what it proves.
func whose(c net.Conn) (string, net.Conn, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := c.Read(b); err != nil {
			return "", c, err
		}
		if b[0] == '\n' {
			break
		}
		line = append(line, b[0])
	}
	proof, found := strings.CutPrefix(string(line), "proof ")
	if !found {
		proof = ""
	}
	return proof, c, nil
}

// say is what a client says first.
func say(t *testing.T, c net.Conn, line string) {
	t.Helper()
	_, err := io.WriteString(c, line+"\n")
	require.NoError(t, err)
}

// proving makes Ports that ask for proof, in a bubble.
func proving(t *testing.T, set string, test func(t *testing.T, p *Ports, n *memNet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, n := memPorts(t, set)
		p.Whose = whose
		defer p.Close()
		test(t, p, n)
	})
}

func prover(name string, habit Habit) Request {
	r := ask(alice)
	r.Session, r.Proof, r.Habit = name, name, habit
	return r
}

// taking takes the connection in the background.
func taking(t *testing.T, l *Lease) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept(t.Context())
		if c != nil {
			c.Close()
		}
		done <- err
	}()
	synctest.Wait()
	return done
}

func pending(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		require.Fail(t, "Accept returned", "%v", err)
	default:
	}
}

// Any number of sessions of one address share one port, and each gets its own connection, in whatever order they come.
func TestManyThroughOnePort(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		var leases []*Lease
		names := []string{"a", "b", "c", "d", "e"}
		for _, name := range names {
			leases = append(leases, lease(t, p, prover(name, Proves)))
		}
		var clients []net.Conn
		for range names {
			c, _ := n.dial(alice, 21000)
			clients = append(clients, c)
		}
		for i := range names {
			say(t, clients[len(names)-1-i], "proof "+names[i])
		}
		synctest.Wait()
		require.Zero(t, p.Stats().Leases, "freed before Accept")
		for i, l := range leases {
			s, err := l.Accept(t.Context())
			require.NoError(t, err)
			go io.WriteString(s, names[i])
			got := make([]byte, 1)
			_, err = io.ReadFull(clients[len(names)-1-i], got)
			require.NoError(t, err)
			require.Equal(t, names[i], string(got))
			s.Close()
		}
		quiet(t, p)
	})
}

// A session of which nothing is known waits for a place where it needs no proof, and shares one when the queue stands
// still: squatters do not stop it.
func TestSquattersOnOnePort(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		start := time.Now()
		for i := range 50 {
			go p.Lease(t.Context(), prover(string(rune('A'+i)), Unknown))
		}
		synctest.Wait()
		l := lease(t, p, prover("honest", Unknown))
		since(t, start, defaultWait/2)
		c, _ := n.dial(alice, 21000)
		done := taking(t, l)
		say(t, c, "proof honest")
		require.NoError(t, <-done)
	})
}

// One that can prove nothing gets a port of its own, and its turn although others could go on sharing.
func TestAloneWaitsItsTurn(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		first := lease(t, p, prover("a", Proves))
		got := make(chan *Lease)
		go func() {
			l, _ := p.Lease(t.Context(), ask(alice))
			got <- l
		}()
		synctest.Wait()
		late := make(chan *Lease)
		go func() {
			l, _ := p.Lease(t.Context(), prover("b", Proves))
			late <- l
		}()
		synctest.Wait()
		require.Equal(t, 2, p.Stats().Waiting)
		c, _ := n.dial(alice, 21000)
		say(t, c, "proof a")
		clear := <-got
		require.Equal(t, 1, p.Stats().Waiting, "the one behind waits for it")
		c, _ = n.dial(alice, 21000)
		_, err := clear.Accept(t.Context())
		require.NoError(t, err, "whatever comes is its, without a word")
		require.NoError(t, (<-late).Close())
		_, err = first.Accept(t.Context())
		require.NoError(t, err)
		_ = c
	})
}

// A connection without proof goes to the one lease that needs none, when its transfer has been asked for: at once if it
// said nothing before that, and otherwise if no better one follows.
func TestUnprovenWaitsForTheTransfer(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("python", Unknown))
		c, _ := n.dial(alice, 21000)
		done := taking(t, l)
		pending(t, done)
		start := time.Now()
		say(t, c, "hello")
		require.NoError(t, <-done)
		since(t, start, 0)
	})
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("python", Unknown))
		c, _ := n.dial(alice, 21000)
		say(t, c, "hello")
		synctest.Wait()
		require.Equal(t, 1, p.Stats().Unproven)
		start := time.Now()
		_, err := l.Accept(t.Context())
		require.NoError(t, err)
		since(t, start, patience)
		quiet(t, p)
	})
	// The client may hear of its transfer before Accept is called.
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("python", Unknown))
		c, _ := n.dial(alice, 21000)
		l.Want()
		say(t, c, "hello")
		synctest.Wait()
		start := time.Now()
		_, err := l.Accept(t.Context())
		require.NoError(t, err)
		since(t, start, 0)
		require.False(t, l.MustProve())
		quiet(t, p)
	})
}

// A thief who was there first, of whom nothing better is known, waits for the client's own connection, even one that is
// made only after the transfer was asked for.
func TestThiefBeforeTheClient(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("honest", Unknown))
		thief, _ := n.dial(alice, 21000)
		say(t, thief, "hello")
		synctest.Wait()
		done := taking(t, l)
		time.Sleep(patience - 1)
		pending(t, done)
		c, _ := n.dial(alice, 21000)
		say(t, c, "proof honest")
		require.NoError(t, <-done)
		_, err := thief.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		quiet(t, p)
	})
}

// A thief of the same address who is there first gets nothing and breaks nothing.
func TestThieves(t *testing.T) {
	thieves := map[string]func(t *testing.T, n *memNet){
		"silent":    func(t *testing.T, n *memNet) { n.dial(alice, 21000) },
		"unproven":  func(t *testing.T, n *memNet) { c, _ := n.dial(alice, 21000); say(t, c, "hello") },
		"foreign":   func(t *testing.T, n *memNet) { c, _ := n.dial(alice, 21000); say(t, c, "proof thief") },
		"hangs up":  func(t *testing.T, n *memNet) { c, _ := n.dial(alice, 21000); c.Close() },
		"elsewhere": func(t *testing.T, n *memNet) { c, _ := n.dial(eve, 21000); say(t, c, "hello") },
	}
	for name, steal := range thieves {
		for _, habit := range []Habit{Unknown, Proves, Must} {
			t.Run(name, func(t *testing.T) {
				proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
					l := lease(t, p, prover("honest", habit))
					steal(t, n)
					synctest.Wait()
					c, server := n.dial(alice, 21000)
					synctest.Wait()
					done := make(chan net.Conn, 1)
					go func() {
						s, err := l.Accept(t.Context())
						require.NoError(t, err)
						done <- s
					}()
					synctest.Wait() // the honest one says nothing before its transfer was asked for
					say(t, c, "proof honest")
					require.Same(t, server, <-done)
					quiet(t, p)
				})
			})
		}
	}
}

// Two connections without proof: one is a thief's, so neither gets anything.
func TestAmbiguous(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("python", Never))
		for range 2 {
			c, _ := n.dial(alice, 21000)
			say(t, c, "hello")
		}
		synctest.Wait()
		_, err := l.Accept(t.Context())
		require.ErrorIs(t, err, ErrAmbiguous)
		quiet(t, p)
	})
}

// With several sessions on the port that may come without proof, a connection without it is nobody's.
func TestGuests(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		open := lease(t, p, prover("a", Unknown))
		guest := lease(t, p, prover("b", Unknown)) // when nothing has moved for long
		first, second := taking(t, open), taking(t, guest)
		c, server := n.dial(alice, 21000)
		say(t, c, "hello")
		synctest.Wait()
		require.EqualValues(t, 1, server.closes.Load())
		pending(t, first)
		pending(t, second)
		c, _ = n.dial(alice, 21000)
		say(t, c, "proof b")
		require.NoError(t, <-second)
		c, _ = n.dial(alice, 21000)
		say(t, c, "hello")
		require.NoError(t, <-first, "alone again")
	})
}

// A connection that came before any guest was there can only be the open lease's, whatever it says and when: guests take
// nothing away from whoever has begun.
func TestGuestsComeTooLate(t *testing.T) {
	for name, asked := range map[string]bool{"asked before": true, "asked after": false} {
		t.Run(name, func(t *testing.T) {
			proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
				open := lease(t, p, prover("python", Unknown))
				c, _ := n.dial(alice, 21000)
				var first <-chan error
				if asked {
					first = taking(t, open) // python speaks when it has heard so
				} else {
					say(t, c, "hello")
				}
				var guests []<-chan error
				for _, name := range []string{"b", "c"} {
					guests = append(guests, taking(t, lease(t, p, prover(name, Unknown))))
				}
				b, _ := n.dial(alice, 21000)
				say(t, b, "hello")
				synctest.Wait()
				if asked {
					say(t, c, "hello")
				} else {
					first = taking(t, open)
				}
				require.NoError(t, <-first)
				require.False(t, open.MustProve())
				for i, name := range []string{"b", "c"} {
					pending(t, guests[i])
					g, _ := n.dial(alice, 21000)
					say(t, g, "proof "+name)
					require.NoError(t, <-guests[i])
				}
				quiet(t, p)
			})
		})
	}
}

// Proof counts whatever address it comes from, unless that is forbidden.
func TestRoaming(t *testing.T) {
	for _, strict := range []bool{false, true} {
		proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
			p.StrictPeer = strict
			l := lease(t, p, prover("a", Unknown))
			c, server := n.dial(bob, 21000)
			done := taking(t, l)
			if strict {
				require.EqualValues(t, 1, server.closes.Load())
				pending(t, done)
				require.NoError(t, l.Close())
				require.ErrorIs(t, <-done, ErrClosed)
				return
			}
			say(t, c, "proof a")
			require.NoError(t, <-done)
			quiet(t, p)
		})
	}
}

// What a connection may hold without proof is bounded, in number and in time.
func TestUnprovenBounds(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("a", Unknown))
		for range 100 {
			n.dial(alice, 21000)
			n.dial(eve, 21000)
		}
		synctest.Wait()
		require.LessOrEqual(t, p.Stats().Unproven, 1+spare+maxRoaming)
		c, _ := n.dial(alice, 21000)
		done := taking(t, l)
		say(t, c, "proof a")
		require.NoError(t, <-done)
		synctest.Wait()
		quiet(t, p)
		require.Zero(t, p.Stats().Unproven)
	})
}

// A connection that says nothing once its transfer is asked for, or goes without a word, ends the waiting if no other
// follows.
func TestNothingButSilence(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("a", Unknown))
		n.dial(alice, 21000)
		time.Sleep(5 * time.Second)
		start := time.Now()
		_, err := l.Accept(t.Context())
		require.ErrorIs(t, err, ErrGone)
		since(t, start, defaultSilence)

		l = lease(t, p, prover("a", Unknown))
		c, _ := n.dial(alice, 21000)
		c.Close()
		start = time.Now()
		_, err = l.Accept(t.Context())
		require.ErrorIs(t, err, ErrGone)
		since(t, start, patience)
		quiet(t, p)
	})
}

// A lease that waives its proof takes what comes, as long as it is alone.
func TestWaive(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("a", Unknown))
		_, server := n.dial(alice, 21000)
		synctest.Wait()
		require.True(t, l.Waive())
		c, err := l.Accept(t.Context())
		require.NoError(t, err)
		require.Same(t, server, c)
		require.False(t, l.MustProve())

		l = lease(t, p, prover("a", Proves))
		other := lease(t, p, prover("b", Proves))
		require.False(t, l.Waive())
		require.False(t, other.Waive())
		require.NoError(t, l.Close())
		require.NoError(t, other.Close())
		quiet(t, p)
	})
}

// Where only proof counts, one without it is handed over at last for the caller to refuse.
func TestMustProve(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("a", Must))
		c, _ := n.dial(alice, 21000)
		say(t, c, "hello")
		start := time.Now()
		_, err := l.Accept(t.Context())
		require.NoError(t, err)
		require.True(t, l.MustProve())
		since(t, start, patience)
	})
}

// Everything ends with Close.
func TestCloseWithUnproven(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		l := lease(t, p, prover("a", Unknown))
		_, server := n.dial(alice, 21000)
		synctest.Wait()
		require.NoError(t, p.Close())
		require.EqualValues(t, 1, server.closes.Load())
		_, err := l.Accept(t.Context())
		require.True(t, errors.Is(err, ErrClosed))
	})
}

func owned(name, owner string) Request {
	r := prover(name, Proves)
	r.Owner = owner
	return r
}

// Sessions of one owner have a port each, and share one only when nothing moves and nobody among them has asked for a
// transfer.
func TestOneOwner(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		p.Owner = func(string) string { return "alice" }
		start := time.Now()
		squatter := lease(t, p, owned("squatter", "alice"))
		honest := lease(t, p, owned("honest", "alice"))
		since(t, start, crowdAfter)
		done := taking(t, honest)
		c, _ := n.dial(alice, 21000)
		say(t, c, "proof honest")
		require.NoError(t, <-done)
		require.NoError(t, squatter.Close())

		busy := lease(t, p, owned("busy", "alice"))
		done = taking(t, busy)
		start = time.Now()
		_, err := p.Lease(t.Context(), owned("other", "alice"))
		require.ErrorIs(t, err, ErrBusy)
		since(t, start, defaultWait)
		c, _ = n.dial(alice, 21000)
		say(t, c, "proof busy")
		require.NoError(t, <-done)
		quiet(t, p)
	})
}

// A program that uses the proof of one session for another gets its data all the same, one session at a time, and is
// never crowded onto a port again.
func TestMixedProofs(t *testing.T) {
	for _, told := range []bool{false, true} {
		proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
			p.Owner = func(string) string { return "alice" }
			r := owned("one", "alice")
			r.Mixes = told
			l := lease(t, p, r)
			if !told {
				c, _ := n.dial(alice, 21000)
				say(t, c, "proof two")
				require.NoError(t, <-taking(t, l), "taken for the only session of its owner")
				l = lease(t, p, r)
			}
			start := time.Now()
			_, err := p.Lease(t.Context(), owned("two", "alice"))
			require.ErrorIs(t, err, ErrBusy)
			since(t, start, defaultWait)
			require.NoError(t, l.Close())
			quiet(t, p)
		})
	}
}

// When the mix-up shows only after several were crowded together, nobody gets anything that may be another's.
func TestDoubtfulProofs(t *testing.T) {
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		p.Owner = func(string) string { return "alice" }
		one := lease(t, p, owned("one", "alice"))
		two := lease(t, p, owned("two", "alice"))
		c, _ := n.dial(alice, 21000)
		say(t, c, "proof three")
		synctest.Wait()
		c, server := n.dial(alice, 21000)
		say(t, c, "proof two")
		synctest.Wait()
		require.EqualValues(t, 1, server.closes.Load())
		require.NoError(t, one.Close())
		require.NoError(t, two.Close())
		quiet(t, p)
	})
}

// Greet is called by Accept when the transfer was asked for before the client spoke, and when it spoke, if that was
// before. Its error is Accept's, and its connection is closed with the lease.
func TestGreet(t *testing.T) {
	type key struct{}
	refused := errors.New("refused")
	for _, early := range []bool{false, true} {
		for _, result := range []error{nil, refused} {
			proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
				var calls []any
				r := prover("a", Unknown)
				r.Greet = func(ctx context.Context, c net.Conn) (net.Conn, error) {
					calls = append(calls, ctx.Value(key{}))
					return c, result
				}
				l := lease(t, p, r)
				c, server := n.dial(alice, 21000)
				if !early {
					l.Want()
				}
				say(t, c, "proof a")
				synctest.Wait()
				require.Len(t, calls, map[bool]int{true: 1}[early])
				require.Zero(t, p.Stats().Leases, "freed by then")
				got, err := l.Accept(context.WithValue(t.Context(), key{}, "Accept's"))
				require.ErrorIs(t, err, result)
				if early {
					require.Equal(t, []any{nil}, calls)
				} else {
					require.Equal(t, []any{"Accept's"}, calls)
				}
				if err == nil {
					require.Same(t, server, got)
					require.NoError(t, got.Close())
				}
				require.NoError(t, l.Close())
				quiet(t, p)
			})
		}
	}
	// Nobody comes for what was greeted early.
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		r := prover("a", Unknown)
		r.Greet = func(_ context.Context, c net.Conn) (net.Conn, error) {
			time.Sleep(time.Second)
			return c, nil
		}
		l := lease(t, p, r)
		c, server := n.dial(alice, 21000)
		say(t, c, "proof a")
		synctest.Wait()
		require.NoError(t, l.Close())
		time.Sleep(2 * time.Second)
		require.NotZero(t, server.closes.Load())
		quiet(t, p)
	})
	// Closing the lease ends a greeting that goes on.
	proving(t, "21000", func(t *testing.T, p *Ports, n *memNet) {
		ended := make(chan error, 1)
		r := prover("a", Unknown)
		r.Greet = func(_ context.Context, c net.Conn) (net.Conn, error) {
			_, err := c.Read(make([]byte, 1))
			ended <- err
			return nil, err
		}
		l := lease(t, p, r)
		c, _ := n.dial(alice, 21000)
		say(t, c, "proof a")
		synctest.Wait()
		require.Empty(t, ended)
		require.NoError(t, l.Close())
		require.Error(t, <-ended)
		synctest.Wait()
		quiet(t, p)
	})
}
