// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func texts(ps []path) (out []string) {
	for _, p := range ps {
		out = append(out, p.String())
	}
	return out
}

func TestPathsComeRoutesFirstAndGoTheOtherWay(t *testing.T) {
	t.Parallel()
	a := pathsOf([]string{"10.1.0.0/16 via 10.0.0.1", "10.2.0.0/16 dev eth1"}, []string{"from 10.0.0.9 table 7 pref 9"}, "eth0")
	b := pathsOf([]string{"10.2.0.0/16 dev eth1", "10.3.0.0/16 scope global"}, []string{"from 10.0.0.8 table 7 pref 8"}, "eth0")
	add, drop := planPaths(append(slices.Clone(a), b...), nil)
	want := []string{"route 10.1.0.0/16 via 10.0.0.1", "route 10.2.0.0/16 dev eth1", "route 10.3.0.0/16 dev eth0 scope global",
		"rule from 10.0.0.9/32 table 7 priority 9", "rule from 10.0.0.8/32 table 7 priority 8"}
	if d := cmp.Diff(want, texts(add)); d != "" || drop != nil {
		t.Errorf("(-want +got):\n%s%v", d, drop)
	}
	slices.Reverse(want)
	held := add
	if add, drop = planPaths(nil, held); !slices.Equal(texts(drop), want) || add != nil {
		t.Errorf("dropped %q", texts(drop))
	}
	// What b still wants stays.
	if _, drop = planPaths(b, held); !slices.Equal(texts(drop), []string{"rule from 10.0.0.9/32 table 7 priority 9", "route 10.1.0.0/16 via 10.0.0.1"}) {
		t.Errorf("dropped %q", texts(drop))
	}
}

// Whatever is held and wanted: after a plan is carried out, exactly what is wanted is held, each once, and what was wanted
// before was not touched.
func TestPlannedPathsAreWhatIsWanted(t *testing.T) {
	t.Parallel()
	all := pathsOf([]string{"10.1.0.0/16 dev a", "10.2.0.0/16 dev a", "10.3.0.0/16 dev a", "10.4.0.0/16 dev a"},
		[]string{"from 10.0.0.1 table 1 pref 1", "from 10.0.0.2 table 1 pref 2"}, "")
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOf(rapid.IntRange(0, len(all)-1))
		pick := func(name string) (out []path) {
			for _, i := range some.Draw(t, name) {
				out = append(out, all[i])
			}
			return out
		}
		before, want := pick("before"), pick("want")
		held, _ := planPaths(before, nil)
		add, drop := planPaths(want, held)
		rest := slices.DeleteFunc(slices.Clone(held), func(p path) bool { return slices.Contains(texts(drop), p.String()) })
		got := texts(append(rest, add...))
		slices.Sort(got)
		wanted := texts(want)
		slices.Sort(wanted)
		if d := cmp.Diff(slices.Compact(wanted), got); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	})
}

func TestAServiceNeedsTheInterfacesOfItsTrackedRoutes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"10.1.0.0/16 dev a": {"a"}, "blackhole 10.1.0.0/16": nil, "default nexthop via 10.0.0.1 dev a nexthop via 10.0.1.1 dev b": {"a", "b"},
	} {
		p := pathsOf([]string{line}, nil, "")
		if len(p) != 1 || !slices.Equal(p[0].devices(), want) {
			t.Errorf("%s: %v", line, p)
		}
	}
}
