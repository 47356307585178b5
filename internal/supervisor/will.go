// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Entry is the last will of one virtual router.
type Entry struct {
	Name      string        `json:"name"` // of the service, for the log
	Interface string        `json:"interface"`
	Index     int           `json:"index"`
	Family    vrrp.Family   `json:"family"`
	VRID      vrrp.VRID     `json:"vrid"`
	Source    netip.Addr    `json:"source"`
	Adverts   []Advert      `json:"adverts"`          // priority 0, ready to be sent
	Addresses []Address     `json:"addresses"`        // to remove when an heir is heard
	Routes    []string      `json:"routes,omitempty"` // to remove before the addresses, as text
	Rules     []string      `json:"rules,omitempty"`
	Down      time.Duration `json:"down"` // Active_Down_Interval
	Hops      Hops          `json:"hops"`
	HMAC      *vrrp.HMAC    `json:"hmac,omitempty"` // what adverts are signed with when they are sent; it is told to nobody
}

// Hops are TTLs or hop limits of unicast adverts.
type Hops struct {
	Sent  uint8 `json:"sent"`  // 0 is 255
	Least uint8 `json:"least"` // accepted at least, and at most; both 0 is 255 alone
	Most  uint8 `json:"most"`
}

// Advert is a ready message for one destination, but for its trailer.
type Advert struct {
	Destination netip.Addr `json:"destination"`
	Message     []byte     `json:"message"`
}

// Address is an address on a link.
type Address struct {
	Prefix netip.Prefix `json:"prefix"`
	Link   int          `json:"link"`
}

// verb is what a message of the worker is about.
type verb string

// The verbs.
const (
	verbPut       verb = "put"       // Entry replaces that of ID
	verbDelete    verb = "delete"    // that of ID is withdrawn
	verbBeat      verb = "beat"      // the protocol loop went round
	verbLimit     verb = "limit"     // Limit is how long the beat may stay away
	verbReady     verb = "ready"     // Text is for systemd
	verbReloading verb = "reloading" // until the next ready
	verbStopping  verb = "stopping"  // a planned stop began
	verbFarewell  verb = "farewell"  // everything was given back
	verbHold      verb = "hold"      // FD is a descriptor that is slow to close
)

// message is what the worker tells, one frame each.
type message struct {
	Verb  verb          `json:"verb"`
	ID    vrrp.ID       `json:"id,omitempty"`
	Entry *Entry        `json:"entry,omitempty"`
	Limit time.Duration `json:"limit,omitempty"`
	Text  string        `json:"text,omitempty"`
	FD    int           `json:"fd,omitempty"`
}

// frameLimit bounds a frame: an entry with 255 addresses takes some 20 KiB.
const frameLimit = 1 << 20

// appendFrame appends a message with its length before it.
func appendFrame(b []byte, m message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return b, fmt.Errorf("encode %s: %w", m.Verb, err)
	}
	if len(body) > frameLimit {
		return b, fmt.Errorf("encode %s: %d bytes, want %d at most", m.Verb, len(body), frameLimit)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(body))), body...), nil
}

// errFrame is what a worker that writes garbage gets: it is ended.
var errFrame = errors.New("worker writes no frames")

// readFrame reads one message. io.EOF is the end between frames.
func readFrame(r io.Reader, buf []byte) (message, []byte, error) {
	var m message
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return m, buf, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > frameLimit {
		return m, buf, fmt.Errorf("%w: length %d", errFrame, n)
	}
	if cap(buf) < int(n) {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return m, buf, err
	}
	if err := json.Unmarshal(buf, &m); err != nil {
		return m, buf, fmt.Errorf("%w: %w", errFrame, err)
	}
	if m.Verb == verbPut && (m.Entry == nil || m.ID == 0) {
		return m, buf, fmt.Errorf("%w: put without entry", errFrame)
	}
	return m, buf, nil
}

// will is the last will of a worker: by virtual router.
type will map[vrrp.ID]*Entry

// note takes in a message about the will.
func (w will) note(m message) {
	switch m.Verb {
	case verbPut:
		w[m.ID] = m.Entry
	case verbDelete:
		delete(w, m.ID)
	case verbBeat, verbLimit, verbReady, verbReloading, verbStopping, verbFarewell, verbHold:
	}
}

// alone returns the routes and rules of an entry that no other one has.
func (e *Entry) alone(open will) (routes, rules []string) {
	shared := map[string]bool{}
	for _, o := range open {
		for _, text := range slices.Concat(o.Routes, o.Rules) {
			shared[text] = true
		}
	}
	is := func(text string) bool { return shared[text] }
	return slices.DeleteFunc(slices.Clone(e.Routes), is), slices.DeleteFunc(slices.Clone(e.Rules), is)
}
