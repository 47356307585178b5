// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"
)

const second = time.Second

func TestTableIsTheLatestSample(t *testing.T) {
	t.Parallel()
	var table Table
	for i, sample := range [][]Flow{clients(10, 1), clients(5, 1), clients(9000, 1), nil, clients(3, 2)} {
		table.Set(time.Duration(i)*second, sample)
		if diff := same(slices.Values(sample), table.All()); diff != "" {
			t.Fatalf("sample %d (-want +got):\n%s", i, diff)
		}
		if table.Len() != len(sample) {
			t.Errorf("sample %d: %d connections, want %d", i, table.Len(), len(sample))
		}
	}
}

func TestTableSaysWhetherThereIsNews(t *testing.T) {
	t.Parallel()
	one := client(0)
	moved := one
	moved.Send += 100
	unknown := one
	unknown.Exact, unknown.Send, unknown.Receive = false, 0, 0
	steps := []struct {
		why    string
		at     time.Duration
		sample []Flow
		want   bool
	}{
		{"the first sample, even if empty", 0, nil, true},
		{"nothing again", 1 * second, nil, false},
		{"a connection", 2 * second, []Flow{one}, true},
		{"the same", 3 * second, []Flow{one}, false},
		{"it has moved: wait until it is silent", 4 * second, []Flow{moved}, false},
		{"now it is", 5 * second, []Flow{moved}, true},
		{"the same", 6 * second, []Flow{moved}, false},
		{"numbers unknown: the known ones are kept", 7 * second, []Flow{unknown}, false},
		{"moved back and forth, never silent", 8 * second, []Flow{one}, false},
		{"busy for less than 10 s", 9 * second, []Flow{moved}, false},
		{"busy for 10 s", 15 * second, []Flow{one}, true},
		{"gone", 16 * second, nil, true},
		{"the same ports again", 17 * second, []Flow{one}, true},
	}
	var table Table
	for _, s := range steps {
		if got := table.Set(s.at, s.sample); got != s.want {
			t.Errorf("%s (%s): news %v, want %v", s.why, s.at, got, s.want)
		}
	}
}

func TestTableLeavesOutWhatNobodyCanTickle(t *testing.T) {
	t.Parallel()
	good := client(0)
	var sample []Flow
	for _, remote := range []string{"10.99.0.101:9", "0.0.0.0:9", "224.0.0.1:9", "255.255.255.255:9", "127.0.0.1:9", "10.0.0.1:0", "[fd00::1]:9",
		"[::ffff:10.0.0.1]:9"} {
		f := good
		f.Remote = netip.MustParseAddrPort(remote)
		sample = append(sample, f)
	}
	var table Table
	table.Set(0, append(sample, good))
	if diff := same(slices.Values([]Flow{good}), table.All()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if table.LeftOut() != len(sample) {
		t.Errorf("%d left out, want %d", table.LeftOut(), len(sample))
	}
}

func TestTableKeepsItsLimit(t *testing.T) {
	t.Parallel()
	table := Table{Limit: 100}
	table.Set(0, clients(100, 1))
	table.Set(second, slices.Concat(clients(300, 1)[100:], clients(100, 1)))
	if diff := same(slices.Values(clients(100, 1)), table.All()); diff != "" {
		t.Errorf("the older ones stay (-want +got):\n%s", diff)
	}
	if table.LeftOut() != 200 {
		t.Errorf("%d left out, want 200", table.LeftOut())
	}
}

func TestTableForgetsEndsAndGivesMemoryBack(t *testing.T) {
	t.Parallel()
	var table Table
	table.Set(0, clients(50000, 1))
	full := table.Bytes()
	for i := 1; i <= 20; i++ {
		table.Set(time.Duration(i)*second, clients(10, 1))
	}
	if table.gone != 0 || table.floor == 0 {
		t.Errorf("%d ends are remembered after 20 s, floor %d", table.gone, table.floor)
	}
	if table.Bytes() > full/20 {
		t.Errorf("%d bytes for 10 connections, %d for 50,000", table.Bytes(), full)
	}
	if diff := same(slices.Values(clients(10, 1)), table.All()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTableRemembersNoMoreEndsThanConnections(t *testing.T) {
	t.Parallel()
	var table Table
	many := clients(300_000, 1)
	for i := range 10 {
		at := i % 3 * 100_000
		table.Set(time.Duration(i)*time.Millisecond, many[at:at+100_000])
		if table.gone > 200_000 {
			t.Fatalf("sample %d: %d ends are remembered", i, table.gone)
		}
	}
}

func TestRecordsAreSmall(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(record[[4]byte]{}); got != size4 {
		t.Errorf("IPv4: %d bytes, want %d", got, size4)
	}
	if got := unsafe.Sizeof(record[[16]byte]{}); got != size6 {
		t.Errorf("IPv6: %d bytes, want %d", got, size6)
	}
	for _, n := range []int{20_000, 60_000, 100_000, 115_000} {
		var table Table
		table.Set(0, clients(n, 2))
		if per := float64(table.Bytes()) / float64(n); per > 41 {
			t.Errorf("%d IPv4 connections: %.1f bytes each", n, per)
		}
	}
}

func TestListIsACopy(t *testing.T) {
	t.Parallel()
	var table Table
	table.Set(0, clients(100, 1))
	list := table.list()
	table.Set(1, nil)
	if diff := same(slices.Values(clients(100, 1)), list.All()); diff != "" || list.Len() != 100 {
		t.Errorf("%d connections (-want +got):\n%s", list.Len(), diff)
	}
	if diff := same(NewList(clients(100, 1)).All(), list.All()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var none *List
	for range none.All() {
		t.Error("nil has a connection")
	}
}

// BenchmarkTable takes a sample of connections in, of which a hundredth moved and another is new.
func BenchmarkTable(b *testing.B) {
	for _, family := range []struct {
		name string
		step int
	}{{"IPv4", 2}, {"IPv4 and IPv6", 1}} {
		b.Run(fmt.Sprintf("100000 %s", family.name), func(b *testing.B) {
			const n = 100_000
			all := clients(2*n, family.step)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			table := &Table{}
			table.Set(0, all[:n])
			runtime.GC()
			runtime.ReadMemStats(&after)
			heap := float64(after.HeapAlloc-before.HeapAlloc) / n
			now, from := second, 0
			for b.Loop() {
				now += second
				from = (from + n/100) % n
				for i := range n / 100 {
					all[from+i*37%n].Send++
				}
				table.Set(now, all[from:from+n])
			}
			b.ReportMetric(float64(table.Bytes())/float64(table.Len()), "B/flow")
			b.ReportMetric(heap, "heap-B/flow")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/flow")
		})
	}
}
