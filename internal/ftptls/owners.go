package ftptls

import "encoding/hex"

// maxPast bounds the ended sessions that are remembered of one owner.
const maxPast = 64

// owners counts the living sessions of each owner. While an owner has a living
// session, the last maxPast of the owner's ended sessions are remembered as well: a
// program that keeps the tickets of all its connections in one place offers tickets of
// closed connections, too. Ready when zero; guarded by Layer.mu.
type owners struct {
	of      map[string]*owned
	past    map[[idSize]byte]string // ended sessions
	tickets uint64                  // given to clients so far, by anybody's session
}

// owned is what one owner has.
type owned struct {
	live   int
	past   [][idSize]byte // oldest first
	newest uint64         // the number of the last ticket given to one of its sessions
	apart  int            // data connections in a row that passed over a newer ticket
	abroad bool           // a data connection has shown a ticket of the owner's session in another process
}

// apartAfter is how many data connections in a row have to pass over a newer ticket of
// another session before their program is believed to keep the tickets of its sessions
// apart. A program that keeps them in one place and takes any of them shows the right
// one by chance now and then.
const apartAfter = 8

// enter counts a living session.
func (o *owners) enter(name string) {
	if name == "" {
		return
	}
	if o.of == nil {
		o.of, o.past = make(map[string]*owned), make(map[[idSize]byte]string)
	}
	if o.of[name] == nil {
		o.of[name] = new(owned)
	}
	o.of[name].live++
}

// give counts a ticket that the session's client is about to get.
func (s *Session) give() {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	o := &s.layer.owners
	o.tickets++
	s.given = o.tickets
	if own := o.of[s.owner]; own != nil {
		own.newest = s.given
	}
}

// passesOver reports whether another session of the same owner has been given a ticket
// that is newer than all of this one.
func (s *Session) passesOver() bool {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	own := s.layer.owners.of[s.owner]
	return own != nil && own.newest > s.given
}

// learn notes whose ticket a data connection has resumed.
func (s *Session) learn(other, abroad, passedOver bool) {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	own := s.layer.owners.of[s.owner]
	switch {
	case own == nil:
	case other:
		own.apart, own.abroad = 0, own.abroad || abroad
	case passedOver:
		s.apart = true
		own.apart = min(own.apart+1, apartAfter)
	}
}

// Apart reports whether the program of this session is known to keep the tickets of
// its sessions apart: eight data connections in a row of the owner's sessions, and at
// least one of this session, have resumed a ticket of their own session although
// another session had got a newer ticket. Before SetOwner, Apart returns false.
func (s *Session) Apart() bool {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	own := s.layer.owners.of[s.owner]
	return own != nil && s.apart && own.apart >= apartAfter
}

// exit takes a session from its owner: ended is true if the session has ended, false if
// it gets another owner. When the owner's last session goes, the tickets of the owner's
// ended sessions count no more.
func (o *owners) exit(name string, id [idSize]byte, ended bool) {
	own := o.of[name]
	if own == nil {
		return
	}
	if own.live--; own.live == 0 {
		for _, id := range own.past {
			delete(o.past, id)
		}
		delete(o.of, name)
		return
	}
	if !ended {
		return
	}
	if len(own.past) == maxPast {
		delete(o.past, own.past[0])
		own.past = own.past[1:]
	}
	own.past = append(own.past, id)
	o.past[id] = name
}

// Alone reports whether no other session lives that has the same owner. Sessions of other processes count once a data
// connection of the owner has shown a ticket of one.
func (s *Session) Alone() bool {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	own := s.layer.owners.of[s.owner]
	return own == nil || own.live <= 1 && !own.abroad
}

// Owner returns the owner of the session with an ID, "" for none. A session that has
// ended keeps its owner while the owner has a living one.
func (l *Layer) Owner(id string) string {
	var key [idSize]byte
	if n, err := hex.Decode(key[:], []byte(id)); err != nil || n != idSize {
		return ""
	}
	name, _ := l.known(key)
	return name
}

// anywhere does what known does, for a session of another process, too.
func (l *Layer) anywhere(id [idSize]byte) (owner string, ok bool) {
	owner, ok = l.known(id)
	if !ok && l.Elsewhere != nil && id != [idSize]byte{} {
		owner = l.Elsewhere(hex.EncodeToString(id[:]))
		ok = owner != ""
	}
	return owner, ok
}

// known returns the owner of a session and whether the session's tickets still count:
// if the session lives, or is among the last maxPast ended sessions of an owner who
// has a living session.
func (l *Layer) known(id [idSize]byte) (owner string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.live[id]; s != nil {
		return s.owner, true
	}
	owner, ok = l.owners.past[id]
	return owner, ok
}
