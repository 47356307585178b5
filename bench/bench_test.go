// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestSummaryHasOnlyWhatWasMeasured(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		samples []float64
		want    Summary
	}{
		{[]float64{5}, Summary{1, 5, 5, 5, 5}},
		{[]float64{4, 1, 3, 2}, Summary{4, 1, 2, 4, 4}},
		{[]float64{1, math.Inf(1), 2}, Summary{3, 1, 2, math.Inf(1), math.Inf(1)}},
	} {
		if diff := cmp.Diff(tt.want, Summarize(tt.samples)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.samples, diff)
		}
	}
	if s := Summarize(nil); !math.IsNaN(s.Median) || s.N != 0 {
		t.Errorf("of nothing: %+v", s)
	}
}

// example is a report with all that a report can have.
func example() Result {
	of := func(situation, program string, samples ...float64) Series {
		return Series{Part: "answer", Case: situation, Quantity: "idle connection", Unit: Milliseconds, Program: program, Samples: samples}
	}
	return Result{Schema: 1, Machine: Machine{Processors: 2, Kernel: "6.12", Go: "go1.26"},
		Programs:  []Program{{"regent", "regent 1"}, {"keepalived", "Keepalived v2.2.7"}},
		Disturbed: map[string]int{"answer": 1},
		Series: []Series{of("cut off, 1s", "regent", 12.3, 10, 15), of("cut off, 1s", "keepalived", math.Inf(1), math.Inf(1), math.Inf(1)),
			of("cut off, 100ms", "regent", 2), of("cut off, 100ms", "keepalived", 4)}}
}

func TestReportSaysNeverAndTheRatio(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	pictures := example().markdown(&page)
	for _, want := range []string{
		"| cut off, 1s | regent | 10.0 ms | 12.3 ms | 15.0 ms | 15.0 ms | 3 | 0 |",
		"|  | keepalived | never | never | never | never | 3 |  |",
		"| cut off, 100ms | regent | 2.00 ms | 2.00 ms | 2.00 ms | 2.00 ms | 1 | 0.5 |",
		"Rounds that were measured again because the machine stood still: 1.",
		"(answer-idle-connection.svg)",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, &page)
		}
	}
	svg := xml.NewDecoder(strings.NewReader(pictures["answer-idle-connection.svg"]))
	for {
		if _, err := svg.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// What never happened survives the file, and a part that is measured again takes the place of the old one.
func TestResultsAreKeptAndReplacedByPart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := example().write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := readResult(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	fresh := Series{Part: "failover", Case: "SIGTERM", Quantity: "wait", Program: "regent", Samples: []float64{1}}
	again := Series{Part: "answer", Case: "cut off, 1s", Quantity: "idle connection", Program: "regent", Samples: []float64{7}}
	merged := merge(got.Series, []Series{again, fresh}, []string{"failover", "answer"})
	if diff := cmp.Diff([]Series{fresh, again}, merged); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "result.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readResult(dir); err == nil {
		t.Error("a broken file is taken for a result")
	}
	if _, err := json.Marshal(Series{Samples: []float64{math.NaN()}}); err != nil {
		t.Error(err)
	}
}

func TestRegularityCountsWhoComesBetween(t *testing.T) {
	t.Parallel()
	advert := func(at int, from byte) netlab.Frame {
		data := make([]byte, 14+20+8)
		data[11] = from
		data[6] = 2
		data[12], data[14], data[23] = 0x08, 0x45, 112
		data[17] = 28 // total length
		copy(data[26:], []byte{10, 0, 0, from})
		copy(data[30:], []byte{224, 0, 0, 18})
		data[34], data[35], data[36], data[37] = 0x31, 51, 100, 1
		return netlab.Frame{Time: time.Unix(0, int64(at)*1e6), Data: data, Length: len(data)}
	}
	gaps, changes := regularity([]netlab.Frame{advert(0, 1), advert(10, 1), advert(35, 2), advert(36, 2), advert(40, 1)}, "02:00:00:00:00:01")
	if diff := cmp.Diff([]time.Duration{10 * time.Millisecond, 30 * time.Millisecond}, gaps); diff != "" || changes != 1 {
		t.Errorf("%d changes, want 1; gaps (-want +got):\n%s", changes, diff)
	}
}
