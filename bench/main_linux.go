// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/peers"
)

// parts in the order of the report.
var parts = []struct {
	name string
	run  func(*bench) error
}{
	{"failover", (*bench).failover},
	{"answer", (*bench).answer},
	{"scale", (*bench).scale},
	{"jitter", (*bench).jitter},
	{"addresses", (*bench).addresses},
	{"refusal", (*bench).refusal},
}

// settings are what the command line asks for.
type settings struct {
	only      string
	rounds    int
	short     bool
	intervals []time.Duration
	sizes     []int
	lasting   time.Duration // of one observation of jitter or usage
}

// bench is a run.
type bench struct {
	settings
	ctx       context.Context
	dir       string // short: sockets are below it
	subjects  []subject
	stalls    *peers.StallWatch
	part      string
	out       table
	pending   []sample // of the round at hand
	disturbed map[string]int
	began     time.Time
}

func main() {
	if code, ran, err := netlab.Reexec(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	} else if ran {
		os.Exit(code)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		wanted = flag.String("parts", "", "parts to measure, separated by commas (default all)")
		regent = flag.String("regent", "bin/regent", "Regent's program")
		others []string
		out    = flag.String("out", "docs/bench", "directory of the report")
		cases  = flag.String("case", "", "only cases whose name has this in it")
		rounds = flag.Int("rounds", 20, "how often each case of failover is measured")
		sizes  = flag.String("sizes", "1,255,1000,4000", "numbers of virtual routers of the part scale")
		lasts  = flag.Duration("lasting", time.Minute, "how long jitter and usage are watched at a time")
		short  = flag.Bool("short", false, "a quick look: few rounds, few sizes; says little")
	)
	flag.Func("keepalived", "another keepalived to compare with (may be given several times; the default is the one of PATH)", func(s string) error {
		others = append(others, s)
		return nil
	})
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "bench measures Regent beside keepalived; see bench/doc.go\n\nParts: %s\n\nFlags:\n", strings.Join(names(), ", "))
		flag.PrintDefaults()
	}
	flag.Parse()
	chosen, err := choose(*wanted)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := &bench{ctx: ctx, disturbed: map[string]int{}, began: time.Now(), settings: settings{
		only: *cases, rounds: *rounds, short: *short, lasting: *lasts,
		intervals: []time.Duration{time.Second, 100 * time.Millisecond, 10 * time.Millisecond},
	}}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return fmt.Errorf("-sizes %s: want numbers", *sizes)
		}
		b.sizes = append(b.sizes, n)
	}
	if b.short {
		b.rounds, b.lasting = min(b.rounds, 3), 5*time.Second
		b.intervals = b.intervals[1:]
		b.sizes = b.sizes[:min(len(b.sizes), 2)]
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir) //nolint:errcheck // a temporary directory
	var programs []Program
	if b.subjects, programs, err = subjects(ctx, *regent, others); err != nil {
		return err
	}
	b.stalls = peers.WatchStalls(ctx)
	result, err := readResult(*out)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if !slices.Contains(chosen, p.name) {
			continue
		}
		b.part = p.name
		b.say("%s", titles[p.name])
		if err := p.run(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		// After each part: hours of measuring are not lost with a later one.
		result.Schema, result.Machine, result.Programs = 1, thisMachine(), programs
		result.Series = merge(result.Series, b.out.list, names())
		if result.Disturbed == nil {
			result.Disturbed = map[string]int{}
		}
		result.Disturbed[p.name] = b.disturbed[p.name]
		if err := result.write(*out); err != nil {
			return err
		}
		b.out = table{}
	}
	path, _ := filepath.Abs(*out) //nolint:errcheck // then it is empty
	b.say("the report is in %s", path)
	return nil
}

// names of all parts.
func names() (list []string) {
	for _, p := range parts {
		list = append(list, p.name)
	}
	return list
}

func choose(wanted string) ([]string, error) {
	if wanted == "" {
		return names(), nil
	}
	list := strings.Split(wanted, ",")
	for _, name := range list {
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("no part %q: there are %s", name, strings.Join(names(), ", "))
		}
	}
	return list, nil
}

// say tells what is going on.
func (b *bench) say(format string, args ...any) {
	fmt.Printf("%8s  %s\n", time.Since(b.began).Round(time.Second), fmt.Sprintf(format, args...))
}

// sample is one that belongs to a series.
type sample struct {
	of    Series
	value float64
}

// add keeps one sample of a program, if the round counts.
func (b *bench) add(situation, quantity string, unit Unit, program string, v float64) {
	b.pending = append(b.pending, sample{Series{Part: b.part, Case: situation, Quantity: quantity, Unit: unit, Program: program}, v})
}

// errDisturbed is a round that says nothing.
var errDisturbed = errors.New("the machine stood still")

// steady measures until the machine did not stand still meanwhile, a few times at most.
func (b *bench) steady(f func() error) error {
	for attempt := 0; ; attempt++ {
		b.pending = b.pending[:0]
		began := time.Now()
		err := f()
		disturbed := errors.Is(err, errDisturbed) || err == nil && b.stalls.Worst(began, time.Now()) > 0
		if !disturbed || attempt == 3 {
			for _, s := range b.pending {
				b.out.add(s.of, s.value)
			}
			return err
		}
		b.disturbed[b.part]++
	}
}

// ms is a time in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
