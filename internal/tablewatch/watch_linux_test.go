// SPDX-License-Identifier: Apache-2.0

package tablewatch

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

var ours = Table{unix.NFPROTO_INET, "regent"}

// notice is one about a table.
func notice(t testing.TB, about Table) []byte {
	t.Helper()
	b, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: 7, Data: []byte("x\x00")}, {Type: unix.NFTA_TABLE_NAME, Data: []byte(about.Name + "\x00")}})
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{about.Family, unix.NFNETLINK_V0, 0, 0}, b...)
}

func TestNoticesOfOtherTablesDoNotConcernUs(t *testing.T) {
	t.Parallel()
	if !ours.concerned(notice(t, ours)) {
		t.Error("a notice of ours is taken for one about another table")
	}
	for name, b := range map[string][]byte{
		"another table": notice(t, Table{unix.NFPROTO_INET, "other"}), "another family": notice(t, Table{unix.NFPROTO_BRIDGE, "regent"}),
		"nothing": nil, "cut short": notice(t, ours)[:7],
	} {
		if ours.concerned(b) {
			t.Errorf("%s is taken for ours", name)
		}
	}
}

// What others do is told, and how often it was done in a pause does not matter.
func TestChangesByOthersAreTold(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n, err := lab.Node("a", "10.99.0.1/24")
	if err != nil {
		t.Fatal(err)
	}
	nft := func(words ...string) {
		t.Helper()
		if out, err := n.Command(t.Context(), "nft", words...).CombinedOutput(); err != nil {
			t.Fatalf("nft %v: %v: %s", words, err, out)
		}
	}
	type word struct{ again bool }
	told, goOn := make(chan word), make(chan struct{})
	var w *Watcher
	if err := n.Do(func() (err error) {
		w, err = Watch(ours, func() uint32 { return 1 }, func(w *Watcher) {
			told <- word{}
			<-goOn
			told <- word{w.Pause(200 * time.Millisecond)}
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	hear := func() word {
		t.Helper()
		select {
		case got := <-told:
			return got
		case <-time.After(5 * time.Second):
			t.Fatal("nobody is told")
			return word{}
		}
	}
	nft("add", "table", "inet", "other")
	nft("add", "table", "inet", ours.Name)
	hear()
	nft("add", "table", "inet", "other2")
	goOn <- struct{}{}
	if hear().again {
		t.Error("another table is taken for ours")
	}
	nft("flush", "table", "inet", ours.Name) // nothing is in it
	nft("delete", "table", "inet", ours.Name)
	hear()
	for range 3 {
		nft("add", "table", "inet", ours.Name)
		nft("flush", "ruleset")
	}
	goOn <- struct{}{}
	if !hear().again {
		t.Error("changes in a pause are not told")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// The kernel's messages are foreign bytes too.
func FuzzConcerned(f *testing.F) {
	f.Add(notice(f, ours))
	f.Add(notice(f, Table{unix.NFPROTO_NETDEV, "other"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ours.concerned(b) && !bytes.Contains(b, []byte(ours.Name)) {
			t.Errorf("%x is taken for ours", b)
		}
	})
}
