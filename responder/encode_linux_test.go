// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// What is written as a message about elements reads back as the same elements, in as many messages as needed.
func TestElementsSurviveTheWire(t *testing.T) {
	for _, c := range []struct {
		name     string
		targets  int
		messages int
	}{
		{"few", 3, 3},
		{"thousands are split", 4000, 12}, // 28 bytes an element: 4 messages a set
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := elements(manyTargets(c.targets, false))
			if err != nil {
				t.Fatal(err)
			}
			w := writer{table: "t"}
			w.addElements(want, 1500*time.Millisecond)
			if w.err != nil {
				t.Fatal(w.err)
			}
			var got []element
			set := 0
			for _, o := range w.ops {
				if len(o.msg.Data) > 1<<16-1 {
					t.Errorf("%s: message of %d bytes", o.what, len(o.msg.Data))
				}
				list, err := parseElements(o.msg.Data)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range list {
					for set < len(allSets())-1 && allSets()[set] != want[len(got)].set {
						set++
					}
					e, ok := parseKey(allSets()[set], f.key)
					if !ok {
						t.Fatalf("key %x is not readable", f.key)
					}
					got = append(got, e)
				}
			}
			if d := cmp.Diff(names(want), names(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if c.messages < len(w.ops) {
				t.Errorf("messages: want %d at most, got %d", c.messages, len(w.ops))
			}
		})
	}
}

func TestTableCommentNamesTheLayout(t *testing.T) {
	comments := map[string]bool{}
	for _, reassemble := range []bool{true, false, true, false} {
		l, err := newLayout("regent", traits{tproxy: reassemble})
		if err != nil {
			t.Fatal(err)
		}
		comments[l.comment] = true
	}
	if len(comments) != 2 {
		t.Errorf("want one comment for each of two layouts, got %v", comments)
	}
}

func TestCommentsReadBack(t *testing.T) {
	for _, r := range rules(traits{tproxy: true, identity: true, speaker: Speaker{1, 2, 3, 4}}) {
		if len(r.comment) > 127 {
			t.Errorf("comment %q is longer than nft prints", r.comment)
		}
		if got := commentOf(comment(0, r.comment)); got != r.comment {
			t.Errorf("want %q, got %q", r.comment, got)
		}
	}
	if got := commentOf([]byte{0, 200, 'x'}); got != "" {
		t.Errorf("cut short: want nothing, got %q", got)
	}
}

func TestErrorsNameTheWayOut(t *testing.T) {
	for _, c := range []struct {
		err  opError
		want string
	}{
		{opError{"change the rules", unix.NFNL_MSG_BATCH_BEGIN, unix.EPERM, ""}, "change the rules: operation not permitted (needs CAP_NET_ADMIN)"},
		{opError{"own table inet regent", unix.NFT_MSG_NEWTABLE, unix.EPERM, ""}, "own table inet regent: operation not permitted (another running process owns the table)"},
		{opError{"make rule", unix.NFT_MSG_NEWRULE, unix.ENOENT, ""}, "make rule: no such file or directory (needs the kernel's nft_reject_inet and nft_fib_inet)"},
		{opError{"change the rules", unix.NFNL_MSG_BATCH_BEGIN, unix.EMSGSIZE, ""}, "change the rules: message too long (raise net.core.wmem_max)"},
		{opError{"add to set reset4: 10.0.0.1", unix.NFT_MSG_NEWSETELEM, unix.ENFILE, "full"}, "add to set reset4: 10.0.0.1: too many open files in system (full)"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("want %q, got %q", c.want, got)
		}
	}
}

// The kernel's messages are foreign bytes too: none of the decoders may panic or loop.
func FuzzDecoders(f *testing.F) {
	w := writer{table: "regent"}
	w.newTable(6, "comment", false)
	l, err := newLayout("regent", traits{tproxy: true, identity: true, speaker: Speaker{1, 2, 3, 4}})
	if err != nil {
		f.Fatal(err)
	}
	w.ops = append(w.ops, l.ops...)
	w.addElements([]element{serveElement(vip4)}, time.Second)
	for _, o := range w.ops {
		f.Add(o.msg.Data)
	}
	f.Add(make([]byte, diagMessageLen))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, err := range []error{
			second(parseTable(b)), second(parseChain(b)), second(parseRule(b)), second(parseSet(b)), second(parseElements(b)), second(parseSocket(b)),
		} {
			_ = err // any error is fine
		}
		commentOf(b)
	})
}

func second[T any](_ T, err error) error { return err }

// manyTargets makes n whole addresses.
func manyTargets(n int, v6 bool) []Target {
	ts := make([]Target, n)
	for i := range ts {
		a := vip4.As4()
		a[1] = 100
		binary.BigEndian.PutUint16(a[2:], uint16(i+1))
		ts[i].Address = netip.AddrFrom4(a)
		if v6 {
			b := vip6.As16()
			b[4] = 1
			binary.BigEndian.PutUint32(b[12:], uint32(i+1))
			ts[i].Address = netip.AddrFrom16(b)
		}
	}
	return ts
}
