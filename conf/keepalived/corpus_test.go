// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files again")

const corpus = "../../testdata/keepalived/"

// The corpus as a whole is accepted, and each file means what its golden file says: review a difference as text.
func TestTheCorpusMeansWhatItDid(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(corpus + "*.conf")
	if err != nil || len(names) < 12 {
		t.Fatalf("%d files in the corpus: %v", len(names), err)
	}
	names = append(names, corpus+"language/main.conf")
	for _, name := range names {
		name = strings.TrimPrefix(filepath.ToSlash(name), corpus)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, ps := parseCorpus(t, name)
			if err := ps.Err(); err != nil {
				t.Errorf("refused: %v", err)
			}
			got := ps.Diagnostics().String() + "\n" + dump(c)
			golden := corpus + strings.TrimSuffix(name, ".conf") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// parseCorpus reads a file of the corpus as the machine lb1 would, with the corpus as its whole file system.
func parseCorpus(t *testing.T, name string) (*Config, Problems) {
	t.Helper()
	return Parse(name, Options{Files: os.DirFS(corpus), ConfigID: "lb1", Host: "lb1", Env: func(name string) (string, bool) {
		return "/run/credentials", name == "CREDENTIALS_DIRECTORY"
	}})
}

// Each instance of the corpus keeps what makes it: nothing that is wrong elsewhere may eat an address.
func TestTheCorpusKeepsItsAddresses(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"kubeadm.conf":           "VI_1:1",
		"openshift.conf":         "cluster_API_0:1 cluster_API_1:1",
		"octavia.conf":           "6a9b3cf1a0f64f2c8d7e:2",
		"neutron.conf":           "VR_1:5",
		"kolla.conf":             "kolla_internal_vip_51:1",
		"vyos.conf":              "WAN:3 LAN:1",
		"openstack-ansible.conf": "external:1 internal:1",
		"oefenweb.conf":          "VI_1:1",
		"puppet.conf":            "WEB:3",
		"nginx-plus.conf":        "VI_1:1",
		"packaged.conf":          "VI_1:3",
		"keywords.conf":          "V4:5 V6:1 NONE:0",
		"language/main.conf":     "VI_1:4 VI_2:4 VI_11:4 VI_12:4",
	} {
		c, _ := parseCorpus(t, name)
		var got []string
		for _, i := range c.Instances {
			got = append(got, i.Name+":"+string(rune('0'+len(i.Addresses)+len(i.Excluded))))
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
