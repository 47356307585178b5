// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Who reads slowly sees for each session ups and downs in turn, the last one among them, and the queue stays short.
func TestASlowReaderMissesPairsButNotTheLastChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c"}
		state, seen := map[string]bool{}, map[string]bool{}
		var waiting []Change
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			if len(waiting) > 0 && rapid.IntRange(0, 3).Draw(t, "read") == 0 {
				c := waiting[0]
				waiting = waiting[1:]
				if c.Up == seen[c.Name] {
					t.Fatalf("%s is told to be up=%v twice", c.Name, c.Up)
				}
				seen[c.Name] = c.Up
				continue
			}
			name := rapid.SampledFrom(names).Draw(t, "name")
			state[name] = !state[name]
			waiting = fold(waiting, Change{Name: name, Up: state[name]})
			if len(waiting) > 2*len(names) {
				t.Fatalf("%d wait", len(waiting))
			}
		}
		for _, c := range waiting {
			seen[c.Name] = c.Up
		}
		for _, name := range names {
			if seen[name] != state[name] {
				t.Fatalf("%s is up=%v, the reader believes %v", name, state[name], seen[name])
			}
		}
	})
}

func TestChangesComeInOrderUntilTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, stop := newQueue(), make(chan struct{})
		go q.run(stop)
		want := []Change{{Name: "a", Up: true}, {Name: "b", Up: true}, {Name: "a"}}
		for _, c := range want {
			q.put(c)
		}
		q.put(Change{Name: "gone"})
		q.drop("gone")
		for _, c := range want {
			if diff := cmp.Diff(c, <-q.out); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		q.put(Change{Name: "late"})
		synctest.Wait()
		close(stop)
		synctest.Wait()
		for range q.out { // late may still come
		}
	})
}
