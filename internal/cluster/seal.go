// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
)

// A sealed datagram is a header, which is authenticated, and what AES-GCM makes of the text:
//
//	0       4       8                16       24
//	| magic | name  | salt (16 bytes)          | counter (8) | text, 16 bytes longer
//
// The salt is drawn once a run. A key of this run is derived from it, so that the counter, which is the nonce, is never used
// twice under one key, however long a cluster keeps its key. The receiver's address is authenticated too: what was captured
// on the way to one node is nothing to another.
const (
	sealHeader = 32
	sealTag    = 16
	saltSize   = 16
	runsKept   = 64 // runs of senders whose numbers are remembered
)

// sealMagic begins every datagram and stream; the last byte is the version.
var sealMagic = [4]byte{'R', 'G', 'C', 1}

// keyring is the cluster's keys; one is never changed, another takes its place.
type keyring struct{ keys [][]byte }

// newKeyring checks and copies keys: the first sends, all receive.
func newKeyring(keys [][]byte) (*keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	r := &keyring{}
	for i, k := range keys {
		if len(k) != 16 && len(k) != 24 && len(k) != 32 {
			return nil, fmt.Errorf("key %d has %d bytes, want 16, 24 or 32", i+1, len(k))
		}
		r.keys = append(r.keys, bytes.Clone(k))
	}
	return r, nil
}

// derive makes a cipher for one purpose out of a key of the cluster.
func derive(key, salt []byte, purpose string) (cipher.AEAD, error) {
	k, err := hkdf.Key(sha256.New, key, salt, purpose, len(key))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealer encrypts and decrypts datagrams. seal is for every goroutine, open for one.
type sealer struct {
	name string // of the cluster
	tag  [4]byte
	self []byte // own address
	salt [saltSize]byte
	ring atomic.Pointer[keyring]

	mu      sync.Mutex // of sending
	counter uint64
	with    *keyring // that out was derived from
	out     cipher.AEAD

	runs map[[saltSize]byte]*run // of receiving
	tick uint64
}

// run is what is known of a run of a sender.
type run struct {
	with *keyring // that in was derived from
	in   cipher.AEAD
	seen window
	used uint64 // when it was last heard, in ticks
}

func newSealer(name string, self netip.AddrPort, ring *keyring) (*sealer, error) {
	s := &sealer{name: name, tag: nameTag(name), self: addressBytes(self), runs: map[[saltSize]byte]*run{}}
	s.ring.Store(ring)
	if _, err := rand.Read(s.salt[:]); err != nil {
		return nil, err
	}
	return s, nil
}

// nameTag tells clusters on one network apart before anything is decrypted.
func nameTag(name string) [4]byte {
	sum := sha256.Sum256([]byte(name))
	return [4]byte(sum[:4])
}

// addressBytes is an address as both ends know it.
func addressBytes(a netip.AddrPort) []byte {
	raw := a.Addr().WithZone("").As16()
	return binary.BigEndian.AppendUint16(raw[:], a.Port())
}

func (s *sealer) datagramPurpose() string { return "regent cluster datagram 1 " + s.name }

// seal encrypts a datagram and sends it. Both happen under one lock: numbers leave in their order, or the receiver's window
// would pass over those that waited for a processor.
func (s *sealer) seal(to netip.AddrPort, text []byte, send func([]byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ring := s.ring.Load(); ring != s.with {
		out, err := derive(ring.keys[0], s.salt[:], s.datagramPurpose())
		if err != nil {
			return err
		}
		s.with, s.out = ring, out
	}
	s.counter++
	b := make([]byte, 0, sealHeader+len(text)+sealTag)
	b = append(b, sealMagic[:]...)
	b = append(b, s.tag[:]...)
	b = append(b, s.salt[:]...)
	b = binary.BigEndian.AppendUint64(b, s.counter)
	return send(s.out.Seal(b, nonce(s.counter), text, append(bytes.Clone(b), addressBytes(to)...)))
}

func nonce(counter uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), counter)
}

// open decrypts a datagram, or says why it is refused.
func (s *sealer) open(b []byte) ([]byte, refusal) {
	if len(b) < sealHeader+sealTag || [4]byte(b[:4]) != sealMagic {
		return nil, garbage
	}
	if [4]byte(b[4:8]) != s.tag {
		return nil, foreign
	}
	salt, counter := [saltSize]byte(b[8:24]), binary.BigEndian.Uint64(b[24:32])
	extra := append(bytes.Clone(b[:sealHeader]), s.self...)
	ring := s.ring.Load()
	r := s.runs[salt]
	var text []byte
	if r != nil && r.with == ring {
		var err error
		if text, err = r.in.Open(nil, nonce(counter), b[sealHeader:], extra); err != nil {
			r = s.rekeyed(r, ring, salt, counter, b, extra, &text)
		}
	} else {
		r = s.rekeyed(r, ring, salt, counter, b, extra, &text)
	}
	if r == nil {
		return nil, wrongKey
	}
	s.tick++
	r.used = s.tick
	if !r.seen.take(1, counter) {
		return nil, replayed
	}
	return text, fine
}

// rekeyed looks for the key that opens a datagram: of a run that is new, or that sends with another key than before. It
// returns nil if none does.
func (s *sealer) rekeyed(r *run, ring *keyring, salt [saltSize]byte, counter uint64, b, extra []byte, text *[]byte) *run {
	for _, k := range ring.keys {
		in, err := derive(k, salt[:], s.datagramPurpose())
		if err != nil {
			continue
		}
		if *text, err = in.Open(nil, nonce(counter), b[sealHeader:], extra); err != nil {
			continue
		}
		if r == nil {
			r = &run{}
			s.remember(salt, r)
		}
		r.with, r.in = ring, in
		return r
	}
	return nil
}

// remember keeps a run, and forgets the one not heard for longest if there are too many.
func (s *sealer) remember(salt [saltSize]byte, r *run) {
	if len(s.runs) >= runsKept {
		var oldest [saltSize]byte
		first := true
		for k, o := range s.runs {
			if first || o.used < s.runs[oldest].used {
				oldest, first = k, false
			}
		}
		delete(s.runs, oldest)
	}
	s.runs[salt] = r
}
