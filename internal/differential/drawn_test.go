// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf/keepalived/draw"
	"github.com/regent-ha/regent/internal/netlab"
)

// drawn is what a file by chance means, as a dump tells it.
type drawn struct {
	Name       string   `json:"iname"`
	Interface  string   `json:"ifp_ifname"`
	VRID       int      `json:"vrid"`
	Priority   int      `json:"base_priority"`
	Version    int      `json:"version"`
	Interval   float64  `json:"adver_int"`
	NoPreempt  bool     `json:"nopreempt"`
	Delay      float64  `json:"preempt_delay"`
	GARPDelay  int      `json:"garp_delay"`
	GARPRepeat int      `json:"garp_rep"`
	Refresh    int      `json:"garp_refresh"`
	LowerGARP  int      `json:"garp_lower_prio_rep"`
	LowerQuiet int      `json:"lower_prio_no_advert"`
	HigherSays int      `json:"higher_prio_send_advert"`
	Untracked  int      `json:"dont_track_primary"`
	Addresses  []string `json:"vips"`
	Excluded   []string `json:"evips"`
	Scripts    []string `json:"track_script"`
	Interfaces []string `json:"track_ifp"`
	OnMaster   string   `json:"script_master"`
	OnFault    string   `json:"script_fault"`
	OnStop     string   `json:"script_stop"`
	OnAny      string   `json:"script"`
}

// means starts a host's program with a file, asks for its dump, and kills it.
func means(ctx context.Context, h *Host, text string) ([]drawn, error) {
	if err := h.Write("conf/keepalived.conf", text); err != nil {
		return nil, err
	}
	if err := h.Start(ctx); err != nil {
		return nil, err
	}
	up := func() bool {
		return slices.ContainsFunc(h.current(), func(l string) bool { return strings.Contains(l, "Startup complete") })
	}
	if err := poll(ctx, 10*time.Second, up); err != nil {
		return nil, fmt.Errorf("%s does not start: %w\n%s", h.program.Name, err, strings.Join(h.current(), ""))
	}
	b, err := h.dump(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", h.program.Name, err, strings.Join(h.current(), ""))
	}
	family := h.Family()
	if err := h.Kill9(); err != nil {
		return nil, err
	}
	ended := func() bool {
		return !slices.ContainsFunc(family, alive)
	}
	if err := errors.Join(poll(ctx, 10*time.Second, ended), h.forget()); err != nil {
		return nil, err
	}
	var list []struct{ Data drawn }
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", h.program.Name, err, b)
	}
	out := make([]drawn, len(list))
	for i, one := range list {
		out[i] = one.Data
	}
	return out, nil
}

// alive reports whether a process runs, and is not only waiting for somebody to notice its end.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// TestDrawnFilesMeanTheSame starts both programs with 100 files by chance and compares instances, priorities, addresses and the rest.
func TestDrawnFilesMeanTheSame(t *testing.T) {
	t.Parallel()
	second := underTest(t)
	netlab.Require(t, "keepalived", "ip", "unshare", "nft")
	interfaces := []string{"eth0", "eth1"}
	spec := Node{}
	for i, name := range interfaces {
		one := Interface{Name: name, Prefixes: []string{draw.Own(i) + "/24"}}
		if i > 0 {
			one.Network = name
		}
		spec.Interfaces = append(spec.Interfaces, one)
	}
	const files, at = 100, 2
	var workers sync.WaitGroup
	for worker := range at {
		lab := netlab.TestWith(apart{t, fmt.Sprint(worker)}, netlab.Options{Log: quietly})
		workers.Go(func() {
			networks := map[string]*netlab.Network{"": lab.LAN()}
			var hosts [2]*Host
			for i, program := range []Program{Keepalived(), second} {
				node := spec
				var err error
				if hosts[i], err = newHost(t.Context(), lab, networks, &node, program, string(rune('a'+i)), i+1); err != nil {
					t.Error(err)
					return
				}
			}
			for seed := worker; seed < files; seed += at {
				text := draw.File(draw.Seeded(uint64(seed)), interfaces)
				var got [2][]drawn
				for i, h := range hosts {
					var err error
					if got[i], err = means(t.Context(), h, text); err != nil {
						t.Errorf("file %d: %v\n%s", seed, err, text)
						return
					}
				}
				if len(got[0]) != strings.Count(text, "virtual_router_id") {
					t.Errorf("file %d: keepalived has %d instances\n%s", seed, len(got[0]), text)
				}
				if diff := cmp.Diff(got[0], got[1]); diff != "" {
					t.Errorf("file %d (-keepalived +%s):\n%s\n%s", seed, second.Name, diff, text)
				}
			}
		})
	}
	workers.Wait()
}
