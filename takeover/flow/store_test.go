// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"testing"

	"pgregory.net/rapid"
)

// What a store says is what a map says, whatever is put in and taken out.
func TestStoreIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s store[[4]byte]
		want := map[key[[4]byte]]uint32{}
		keys := rapid.Custom(func(t *rapid.T) key[[4]byte] {
			return key[[4]byte]{remote: [4]byte{10, byte(rapid.IntRange(0, 3).Draw(t, "remote"))},
				remotePort: uint16(rapid.IntRange(1, 60).Draw(t, "port"))}
		})
		for i := range rapid.IntRange(0, 800).Draw(t, "steps") {
			k := keys.Draw(t, "key")
			place := s.find(&k)
			if _, ok := want[k]; ok != (place >= 0) {
				t.Fatalf("step %d: found %v, want %v", i, place >= 0, ok)
			}
			switch {
			case place < 0:
				place = s.insert(&k)
				s.records[place].receive = uint32(i)
				want[k] = uint32(i)
			case rapid.Bool().Draw(t, "remove"):
				s.remove(place)
				delete(want, k)
			}
			if i%97 == 0 {
				s.pack()
			}
		}
		if s.used != len(want) {
			t.Fatalf("%d records, want %d", s.used, len(want))
		}
		for k, v := range want {
			if place := s.find(&k); place < 0 || s.records[place].receive != v {
				t.Fatalf("%v is at %d", k, place)
			}
		}
	})
}
