// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// octets are written in hexadecimal.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// trailerFile is testdata/trailers.json, which trailers.py beside it computes.
type trailerFile struct {
	Vectors []struct {
		Name, Sequence       string
		Version              uint8
		Addresses            []netip.Addr
		Source, Destination  netip.Addr
		KeyID                uint8 `json:"key_id"`
		Key, Message, Packet octets
	}
	Exchanges []struct {
		Name, Mode string
		Version    uint8
		Addresses  []netip.Addr
		Us         netip.Addr
		AntiReplay string `json:"anti_replay"`
		Window     time.Duration
		Keys       map[string]octets
		Peers      []netip.Addr
		Steps      []struct {
			Clock               int64
			Source, Destination netip.Addr
			Packet              octets
			Want                string
		}
	}
	Sendings []struct {
		Name            string
		Version         uint8
		Addresses       []netip.Addr
		Us, Destination netip.Addr
		AntiReplay      string `json:"anti_replay"`
		Window          time.Duration
		KeyID           uint8 `json:"key_id"`
		Key             octets
		Steps           []struct {
			Clock  int64
			Packet octets
		}
	}
}

func readTrailers(t *testing.T) (f trailerFile) {
	t.Helper()
	text, err := os.ReadFile("testdata/trailers.json")
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil || len(f.Vectors) == 0 || len(f.Exchanges) == 0 || len(f.Sendings) == 0 {
		t.Fatalf("%d vectors, %d exchanges, %d sendings: %v", len(f.Vectors), len(f.Exchanges), len(f.Sendings), err)
	}
	return f
}

// foreign is a virtual router of the file.
func foreign(version uint8, addresses []netip.Addr, h *HMAC) Config {
	c := config4()
	c.Family, c.Version, c.Addresses, c.HMAC = familyOf(addresses[0]), version, addresses, h
	return c
}

func TestTrailersAreThoseOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for i, v := range readTrailers(t).Vectors {
		sequence, err := strconv.ParseUint(v.Sequence, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		h := &HMAC{Keys: map[uint8][]byte{v.KeyID: v.Key}, Active: v.KeyID, Monotonic: true}
		c := foreign(v.Version, v.Addresses, h)
		if v.Name == "version 3 over IPv4, checksum of RFC 9568" {
			c.Checksum = MessageOnly
		}
		if got := AppendMessage(nil, &c, 150, v.Source, v.Destination); !bytes.Equal(got, v.Message) {
			t.Errorf("vector %d, %s: message\n got %x\nwant %x", i, v.Name, got, []byte(v.Message))
		}
		if got := AppendTrailer(bytes.Clone(v.Message), h, c.Family, v.Source, v.Destination, sequence); !bytes.Equal(got, v.Packet) {
			t.Errorf("vector %d, %s: packet\n got %x\nwant %x", i, v.Name, got, []byte(v.Packet))
		}
		p := &Packet{Family: c.Family, Source: v.Source, Destination: v.Destination, Message: v.Packet}
		advert, trailer := SplitTrailer(c.Family, v.Packet)
		if why := h.Verify(p, advert, trailer, today); why != DiscardNone {
			t.Errorf("vector %d, %s: %s", i, v.Name, why)
		}
	}
}

// verdicts are what the file calls what becomes of a packet.
var verdicts = map[string]Discard{
	"accepted": DiscardNone, "missing": DiscardHMACMissing, "malformed": DiscardHMACMalformed, "stale": DiscardHMACStale,
	"unknown key": DiscardHMACKey, "wrong": DiscardHMAC, "no peer": DiscardPeer, "replay": DiscardReplay,
}

func TestTrailersAreJudgedAsByAnotherProgram(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, x := range readTrailers(t).Exchanges {
		h := &HMAC{Keys: map[uint8][]byte{}, Window: x.Window * time.Second, Monotonic: x.AntiReplay == "monotonic",
			Mode: HMACMode(slices.Index([]string{"enforce", "permissive", "receive-only"}, x.Mode))}
		for id, key := range x.Keys {
			n, err := strconv.ParseUint(id, 10, 8)
			if err != nil {
				t.Fatal(err)
			}
			h.Keys[uint8(n)], h.Active = key, uint8(n)
		}
		c := foreign(x.Version, x.Addresses, h)
		c.Peers = x.Peers
		s := newStation(t, c)
		s.r.Up(s.now, 1, Link{Interface: 1, Source: x.Us}, nil)
		for i, step := range x.Steps {
			s.now++
			s.r.SetWall(s.now, time.Unix(0, step.Clock))
			s.r.machines[1].noted = [discards]Time{}
			got := DiscardNone
			p := Packet{Interface: 1, Family: c.Family, Source: step.Source, Destination: step.Destination, TTL: 255, Message: step.Packet}
			for _, a := range s.r.Receive(s.now, p, nil) {
				if a.Kind == Discarded {
					got = a.Discard
				}
			}
			want, known := verdicts[step.Want]
			if !known || got != want {
				t.Errorf("%s: step %d: %q, want %s (%q)", x.Name, i, got, step.Want, want)
			}
			seen[step.Want] = true
		}
	}
	if len(seen) != len(verdicts) {
		t.Errorf("verdicts %v: want all of them", seen)
	}
}

func TestTrailersAreSentAsByAnotherProgram(t *testing.T) {
	t.Parallel()
	for _, x := range readTrailers(t).Sendings {
		h := &HMAC{Keys: map[uint8][]byte{x.KeyID: x.Key}, Active: x.KeyID, Window: x.Window * time.Second, Monotonic: x.AntiReplay == "monotonic"}
		s := newStation(t, foreign(x.Version, x.Addresses, h))
		s.r.Up(s.now, 1, Link{Interface: 1, Source: x.Us}, nil)
		for i, step := range x.Steps {
			s.r.SetWall(s.now, time.Unix(0, step.Clock))
			if got := s.r.Message(1, 150, x.Destination); !bytes.Equal(got, step.Packet) {
				t.Errorf("%s: step %d\n got %x\nwant %x", x.Name, i, got, []byte(step.Packet))
			}
		}
	}
}
